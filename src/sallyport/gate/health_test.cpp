#include <sallyport/gate/health.hpp>

#include <gtest/gtest.h>

namespace sallyport::gate {
namespace {

using namespace std::chrono_literals;

const net::deadline now = net::clock::now();
constexpr balancing rules{.policy = balance::least_sessions, .rest = 10s, .slow_start = 20s};

TEST(Health, RestsAfterAFailureUntilItAnswers) {
    health h;
    EXPECT_EQ(h.state(), condition::up);
    h.failed(rules, "refused", now);
    EXPECT_EQ(h.state(), condition::failing);
    EXPECT_EQ(h.reason(), "refused");
    EXPECT_TRUE(h.rests(now + 9s));
    EXPECT_FALSE(h.rests(now + 10s));
    h.tried(rules, now + 10s);
    EXPECT_TRUE(h.rests(now + 19s));
    h.succeeded(now + 19s);
    EXPECT_EQ(h.state(), condition::up);
    EXPECT_EQ(h.since(), now + 19s);
    EXPECT_FALSE(h.rests(now + 19s));
}

TEST(Health, GivesABackendThatCameBackItsShareLittleByLittle_G7) {
    health h;
    EXPECT_EQ(h.share(rules, now), 1);  // nothing to recover from
    h.failed(rules, "refused", now);
    h.succeeded(now);
    double before = 0;
    for (const auto& [after, share] : std::initializer_list<std::pair<net::clock::duration, double>>{
             {0s, 0.1}, {1s, 0.1}, {5s, 0.25}, {10s, 0.5}, {19s, 0.95}, {20s, 1}, {1h, 1}}) {
        EXPECT_DOUBLE_EQ(h.share(rules, now + after), share);
        EXPECT_GE(h.share(rules, now + after), before);
        before = share;
    }
    h.succeeded(now + 30s);  // an answer while it is up is no recovery
    EXPECT_EQ(h.share(rules, now + 30s), 1);
    auto at_once = rules;
    at_once.slow_start = 0s;
    EXPECT_EQ(h.share(at_once, now), 1);
}

TEST(Health, FollowsTheResponseTimeAndForgetsAnOldOne) {
    health h;
    EXPECT_FALSE(h.response(now));
    h.took(100ms, now);
    EXPECT_DOUBLE_EQ(h.response(now)->count(), 0.1);
    h.took(500ms, now);
    EXPECT_DOUBLE_EQ(h.response(now)->count(), 0.2);
    EXPECT_FALSE(h.response(now + limits::backend_response_memory + 1s));
    h.took(10ms, now + limits::backend_response_memory + 1s);
    EXPECT_DOUBLE_EQ(h.response(now + limits::backend_response_memory + 1s)->count(), 0.01);
}

}  // namespace
}  // namespace sallyport::gate
