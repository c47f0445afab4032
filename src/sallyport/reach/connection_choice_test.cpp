#include <sallyport/reach/connection_choice.hpp>

#include <gtest/gtest.h>

namespace sallyport::reach {
namespace {

using namespace std::chrono_literals;
using state = connection_choice::state;

const connection_choice::time_point start{1h};

TEST(resumption_history, holds_once_until_a_session_is_resumed) {  // TLS-04
    resumption_history history;
    EXPECT_EQ(history.hold_time(10ms), 270ms);
    history.served_new_session();
    EXPECT_EQ(history.hold_time(10ms), 0ms);
    history.served_new_session();
    EXPECT_EQ(history.hold_time(10ms), 0ms);
    history.resumed();
    EXPECT_EQ(history.hold_time(0ms), 250ms);
}

class choice : public testing::Test {
protected:
    connection_choice held{start, 250ms};
    connection_choice not_held{start, 0ms};
};

TEST_F(choice, a_new_session_is_held) {
    EXPECT_EQ(held.add(start), 0U);
    EXPECT_FALSE(held.chosen(start + 1h) || held.has_failed(start + 1h));
    held.set(0, state::new_session);
    EXPECT_FALSE(held.chosen(start + 249ms));
    EXPECT_EQ(held.next_decision(start + 249ms), start + 250ms);
    EXPECT_EQ(held.chosen(start + 250ms), 0U);
    EXPECT_EQ(held.next_decision(start + 250ms), connection_choice::time_point::max());
}

TEST_F(choice, one_that_resumes_is_chosen_at_once) {
    (void)held.add(start);
    held.set(0, state::new_session);
    EXPECT_EQ(held.add(start + 100ms), 1U);
    held.set(1, state::resumed);
    EXPECT_EQ(held.chosen(start + 100ms), 1U);
    EXPECT_EQ(held.chosen(start + 1h), 1U);
}

TEST_F(choice, the_first_of_several_new_sessions_is_chosen) {
    for (std::size_t i = 0; i < 3; ++i) (void)held.add(start);
    held.set(0, state::failed);
    held.set(1, state::new_session);
    held.set(2, state::new_session);
    EXPECT_EQ(held.chosen(start + 250ms), 1U);
}

TEST_F(choice, one_that_is_silent_may_still_resume) {
    (void)held.add(start);
    (void)held.add(start + 249ms);
    held.set(0, state::new_session);
    EXPECT_FALSE(held.chosen(start + 1s));
    EXPECT_EQ(held.next_decision(start + 1s), start + 1750ms);
    // Of the other host, which could delay the decision for ever.
    (void)held.add(start + 250ms);
    held.set(1, state::failed);
    EXPECT_EQ(held.chosen(start + 1s), 0U);
}

TEST_F(choice, one_that_stays_silent_delays_the_others_for_a_limited_time) {
    (void)held.add(start);
    (void)held.add(start);
    held.set(1, state::new_session);
    EXPECT_FALSE(held.chosen(start + 1749ms));
    EXPECT_EQ(held.chosen(start + 1750ms), 1U);
    EXPECT_EQ(held.next_decision(start + 1750ms), connection_choice::time_point::max());
    held.set(0, state::resumed);
    EXPECT_EQ(held.chosen(start + 1750ms), 0U) << "it resumed in time to be chosen";
}

TEST_F(choice, fails_when_all_have_failed) {
    (void)held.add(start);
    held.set(0, state::failed);
    EXPECT_FALSE(held.has_failed(start + 249ms));
    EXPECT_TRUE(held.has_failed(start + 250ms));
    (void)not_held.add(start);
    EXPECT_FALSE(not_held.has_failed(start));
    not_held.set(0, state::failed);
    EXPECT_TRUE(not_held.has_failed(start));
}

TEST_F(choice, no_new_session_is_chosen_if_others_were_rejected) {
    (void)held.add(start);
    (void)held.add(start);
    held.set(0, state::new_session);
    held.set_overflowed();
    EXPECT_FALSE(held.chosen(start + 1h) || held.has_failed(start + 1h));
    held.set(1, state::failed);
    EXPECT_FALSE(held.chosen(start + 1h));
    EXPECT_TRUE(held.has_failed(start + 1h));
    held.set(1, state::resumed);
    EXPECT_EQ(held.chosen(start + 1h), 1U);
}

TEST_F(choice, nothing_is_held_in_a_session_whose_client_does_not_resume) {
    (void)not_held.add(start);
    (void)not_held.add(start);
    EXPECT_FALSE(not_held.chosen(start));
    not_held.set(1, state::new_session);
    EXPECT_EQ(not_held.chosen(start), 1U);
    not_held.set(0, state::resumed);
    EXPECT_EQ(not_held.chosen(start), 0U);
}

}  // namespace
}  // namespace sallyport::reach
