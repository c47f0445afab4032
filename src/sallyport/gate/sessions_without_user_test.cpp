#include <sallyport/gate/sessions_without_user.hpp>

#include <optional>

#include <gtest/gtest.h>
#include <sallyport/base/limits.hpp>

namespace sallyport::gate {
namespace {

using namespace std::chrono_literals;

class sessions_without_user_test : public ::testing::Test {
protected:
    sessions_without_user::registration add(backend_id backend, int number) {
        return sessions.add(backend, now, [this, number] { ended.push_back(number); });
    }
    bool request_slot(const std::vector<backend_id>& backends = {1}) {
        return sessions.request_slot(backends, now).requested;
    }

    sessions_without_user sessions;
    net::deadline now{1h};
    std::vector<int> ended;
};

TEST_F(sessions_without_user_test, the_session_that_has_waited_longest_is_ended_first) {
    const auto a = add(1, 1);
    now += 1s;
    const auto b = add(1, 2);
    now += 5s;
    EXPECT_TRUE(request_slot());
    EXPECT_EQ(ended, std::vector{1});
    EXPECT_TRUE(request_slot());
    EXPECT_EQ(ended, (std::vector{1, 2}));
    EXPECT_FALSE(request_slot()) << "each is requested once";
}

TEST_F(sessions_without_user_test, no_session_is_ended_before_two_seconds) {
    const auto a = add(1, 1);
    now += limits::silent_session_timeout - 1ms;
    const auto slot_request = sessions.request_slot({1}, now);
    EXPECT_FALSE(slot_request.requested);
    EXPECT_EQ(slot_request.next_attempt, now + 1ms);
    now += 1ms;
    EXPECT_TRUE(request_slot());
}

TEST_F(sessions_without_user_test, a_command_restarts_the_wait) {
    auto a = add(1, 1);
    const auto b = add(1, 2);
    now += 2s;
    a.command_received(now);
    now += 1s;
    EXPECT_TRUE(request_slot());
    EXPECT_EQ(ended, std::vector{2});
    EXPECT_FALSE(request_slot());
    now += 1s;
    EXPECT_TRUE(request_slot());
    a.command_received(now);
    EXPECT_FALSE(request_slot()) << "it was requested already";
}

TEST_F(sessions_without_user_test, sessions_that_sent_USER_or_ended_are_left_alone) {
    std::optional<sessions_without_user::registration> a = add(1, 1);
    auto b = add(1, 2);
    now += 10s;
    a.reset();
    b = {};
    const auto slot_request = sessions.request_slot({1}, now);
    EXPECT_FALSE(slot_request.requested);
    EXPECT_EQ(slot_request.next_attempt, net::deadline::max());
    EXPECT_TRUE(ended.empty());
}

TEST_F(sessions_without_user_test, only_at_backends_without_a_free_slot) {
    const auto a = add(1, 1);
    const auto b = add(2, 2);
    now += 10s;
    EXPECT_TRUE(request_slot({2, 3}));
    EXPECT_EQ(ended, std::vector{2});
    EXPECT_FALSE(request_slot({2, 3}));
    EXPECT_FALSE(request_slot({}));
}

}  // namespace
}  // namespace sallyport::gate
