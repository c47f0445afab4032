#include <sallyport/gate/health.hpp>

#include <gtest/gtest.h>

namespace sallyport::gate {
namespace {

using namespace std::chrono_literals;

const net::deadline now = net::clock::now();
constexpr balancing rules{.fall = 3, .rise = 2, .slow_start = 20s, .rest = 10s};

[[nodiscard]] constexpr balancing checked(all_down then = all_down::refuse) {
    auto r = rules;
    r.check = check_stage::greeting;
    r.when_all_down = then;
    return r;
}

TEST(Health, RestsAfterAFailureUntilItAnswers) {
    health h;
    EXPECT_EQ(h.state(), condition::up);
    EXPECT_EQ(h.failed(rules, "refused", now), condition::failing);
    EXPECT_EQ(h.reason(), "refused");
    EXPECT_TRUE(h.rests(rules, now + 9s));
    EXPECT_FALSE(h.rests(rules, now + 10s));
    h.tried(rules, now + 10s);
    EXPECT_TRUE(h.rests(rules, now + 19s));
    EXPECT_EQ(h.succeeded(rules, witness::session, now + 19s), condition::up);
    EXPECT_EQ(h.since(), now + 19s);
    EXPECT_FALSE(h.rests(rules, now + 19s));
    EXPECT_EQ(h.share(rules, now + 19s), 1);  // it was never down
}

TEST(Health, FallsAndRisesAtItsThresholds_G7) {
    for (const auto& r : {rules, checked()}) {
        health h;
        EXPECT_EQ(h.failed(r, "a", now), condition::failing);
        EXPECT_EQ(h.failed(r, "b", now), std::nullopt);
        EXPECT_EQ(h.succeeded(r, witness::check, now), condition::up);  // failures must come in a row
        EXPECT_EQ(h.failed(r, "c", now), condition::failing);
        EXPECT_EQ(h.failed(r, "d", now), std::nullopt);
        EXPECT_EQ(h.failed(r, "e", now + 1s), condition::down);
        EXPECT_EQ(h.failed(r, "f", now + 2s), std::nullopt);
        EXPECT_EQ(h.since(), now + 1s);
        EXPECT_EQ(h.reason(), "f");
        EXPECT_EQ(h.succeeded(r, witness::check, now), std::nullopt);
        EXPECT_EQ(h.failed(r, "g", now), std::nullopt);
        EXPECT_EQ(h.succeeded(r, witness::check, now), std::nullopt);  // successes too
        EXPECT_EQ(h.state(), condition::down);
        EXPECT_EQ(h.succeeded(r, witness::check, now + 9s), condition::up);
        EXPECT_EQ(h.since(), now + 9s);
        EXPECT_EQ(h.reason(), "");
    }
}

TEST(Health, BelievesSessionsOnlyWhereNothingChecks) {
    health h;
    h.failed(checked(), "login: 530", now);
    EXPECT_EQ(h.succeeded(checked(), witness::session, now), std::nullopt);
    EXPECT_TRUE(h.rests(checked(), now + 1h));  // a check will tell, no session need find out
    EXPECT_EQ(h.succeeded(checked(), witness::check, now), condition::up);
}

TEST(Health, ShutsWhatChecksFoundDownUnlessItShallBeTried_G7) {
    struct row {
        balancing r;
        bool shut;
    };
    for (const auto& [r, shut] : {row{rules, false}, row{checked(), true}, row{checked(all_down::try_anyway), false}}) {
        health h;
        for (int i = 0; i < 3; ++i) {
            EXPECT_FALSE(h.shut(r));
            h.failed(r, "refused", now);
        }
        EXPECT_EQ(h.shut(r), shut);
    }
}

TEST(Health, GivesABackendThatCameBackItsShareLittleByLittle_G7) {
    health h;
    EXPECT_EQ(h.share(rules, now), 1);  // nothing to recover from
    for (int i = 0; i < 3; ++i) h.failed(rules, "refused", now);
    for (int i = 0; i < 2; ++i) h.succeeded(rules, witness::session, now);
    double before = 0;
    for (const auto& [after, share] : std::initializer_list<std::pair<net::clock::duration, double>>{
             {0s, 0.1}, {1s, 0.1}, {5s, 0.25}, {10s, 0.5}, {19s, 0.95}, {20s, 1}, {1h, 1}}) {
        EXPECT_DOUBLE_EQ(h.share(rules, now + after), share);
        EXPECT_GE(h.share(rules, now + after), before);
        before = share;
    }
    h.succeeded(rules, witness::session, now + 30s);  // an answer while it is up is no recovery
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
