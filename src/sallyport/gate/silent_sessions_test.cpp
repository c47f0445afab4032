#include <sallyport/gate/silent_sessions.hpp>

#include <optional>

#include <gtest/gtest.h>
#include <sallyport/base/limits.hpp>

namespace sallyport::gate {
namespace {

using namespace std::chrono_literals;

class silent_sessions_test : public ::testing::Test {
protected:
    silent_sessions::member join(backend_id at, int number) {
        return all.join(at, now, [this, number] { left.push_back(number); });
    }
    bool ask(const std::vector<backend_id>& at = {1}) { return all.ask(at, now).asked; }

    silent_sessions all;
    net::deadline now{1h};
    std::vector<int> left;
};

TEST_F(silent_sessions_test, the_one_that_has_been_silent_longest_leaves) {
    const auto a = join(1, 1);
    now += 1s;
    const auto b = join(1, 2);
    now += 5s;
    EXPECT_TRUE(ask());
    EXPECT_EQ(left, std::vector{1});
    EXPECT_TRUE(ask());
    EXPECT_EQ(left, (std::vector{1, 2}));
    EXPECT_FALSE(ask()) << "each is asked once";
}

TEST_F(silent_sessions_test, nobody_leaves_before_two_seconds) {
    const auto a = join(1, 1);
    now += limits::silent_session - 1ms;
    const auto answer = all.ask({1}, now);
    EXPECT_FALSE(answer.asked);
    EXPECT_EQ(answer.next, now + 1ms);
    now += 1ms;
    EXPECT_TRUE(ask());
}

TEST_F(silent_sessions_test, who_speaks_is_not_silent) {
    auto a = join(1, 1);
    const auto b = join(1, 2);
    now += 2s;
    a.heard(now);
    now += 1s;
    EXPECT_TRUE(ask());
    EXPECT_EQ(left, std::vector{2});
    EXPECT_FALSE(ask());
    now += 1s;
    EXPECT_TRUE(ask());
    a.heard(now);
    EXPECT_FALSE(ask()) << "it was asked already";
}

TEST_F(silent_sessions_test, who_has_said_USER_or_left_is_not_asked) {
    std::optional<silent_sessions::member> a = join(1, 1);
    auto b = join(1, 2);
    now += 10s;
    a.reset();
    b = {};
    const auto answer = all.ask({1}, now);
    EXPECT_FALSE(answer.asked);
    EXPECT_EQ(answer.next, net::deadline::max());
    EXPECT_TRUE(left.empty());
}

TEST_F(silent_sessions_test, only_at_the_backends_that_have_no_room) {
    const auto a = join(1, 1);
    const auto b = join(2, 2);
    now += 10s;
    EXPECT_TRUE(ask({2, 3}));
    EXPECT_EQ(left, std::vector{2});
    EXPECT_FALSE(ask({2, 3}));
    EXPECT_FALSE(ask({}));
}

}  // namespace
}  // namespace sallyport::gate
