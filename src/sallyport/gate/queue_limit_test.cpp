// How long a session waits for room: without a clock, by the times that come in.

#include <sallyport/gate/queue_limit.hpp>

#include <utility>

#include <gtest/gtest.h>

#include <sallyport/base/limits.hpp>

namespace sallyport::gate {
namespace {

using namespace std::chrono_literals;

constexpr net::deadline begin{100h};
constexpr sessions_without_user::slot_request none_silent{};

/// How long a session stays in the queue to which nothing happens after the first question.
[[nodiscard]] net::clock::duration waits_for(queue_limit limit, sessions_without_user::slot_request silent = none_silent) {
    auto now = begin;
    while (const auto due = limit.wait_for_slot(std::exchange(silent, none_silent), now)) {
        EXPECT_GT(*due, now);
        EXPECT_LE(*due - now, limits::queue_check_interval) << "a client that leaves is seen to leave";
        now = *due;
    }
    return now - begin;
}

TEST(queue_limit, a_session_waits_as_long_as_is_set) {
    EXPECT_EQ(waits_for({begin, 5s}), 5s);
    EXPECT_EQ(waits_for({begin, 1700ms}), 1700ms);
    EXPECT_EQ(waits_for({begin, 0s}), 0s) << "there is no queue";
    queue_limit limit(begin, 5s);
    EXPECT_FALSE(limit.is_over(begin + 5s - 1ms));
    EXPECT_TRUE(limit.is_over(begin + 5s));
}

TEST(queue_limit, who_was_asked_to_leave_gets_the_time_for_it) {
    EXPECT_EQ(waits_for({begin, 0s}, {.requested = true, .next_attempt = begin + 500ms}), 500ms);
    EXPECT_EQ(waits_for({begin, 5s}, {.requested = true, .next_attempt = begin + 500ms}), 5s);
}

TEST(queue_limit, silent_sessions_are_asked_again_when_one_is_due) {
    queue_limit limit(begin, 5s);
    EXPECT_EQ(limit.wait_for_slot({.requested = false, .next_attempt = begin + 200ms}, begin), begin + 200ms);
}

TEST(queue_limit, waits_for_silent_sessions_that_are_due_in_time) {
    const queue_limit limit(begin, 5s);
    EXPECT_EQ(limit.wait_for_silent({.requested = false, .next_attempt = begin + 5s}), begin + 5s);
    EXPECT_EQ(limit.wait_for_silent({.requested = false, .next_attempt = begin + 5s + 1ms}), std::nullopt);
    EXPECT_EQ(limit.wait_for_silent(none_silent), std::nullopt);
}

TEST(queue_limit, a_backend_without_room_is_tried_three_times_more) {
    queue_limit limit(begin, 5s);
    EXPECT_FALSE(limit.has_retried());
    EXPECT_EQ(limit.next_pause(), 100ms);
    EXPECT_TRUE(limit.has_retried());
    EXPECT_EQ(limit.next_pause(), 300ms);
    EXPECT_EQ(limit.next_pause(), 600ms);
    EXPECT_EQ(limit.next_pause(), std::nullopt);
}

}  // namespace
}  // namespace sallyport::gate
