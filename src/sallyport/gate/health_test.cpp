#include <sallyport/gate/health.hpp>

#include <gtest/gtest.h>

namespace sallyport::gate {
namespace {

using namespace std::chrono_literals;

const net::deadline now = net::clock::now();
constexpr balancing_rules rules{.fall = 3, .rise = 2, .slow_start = 20s, .retry_delay = 10s};

[[nodiscard]] constexpr balancing_rules checked(all_down_policy then = all_down_policy::reject) {
    auto r = rules;
    r.check = check_level::greeting;
    r.when_all_down = then;
    return r;
}

TEST(Health, IsInRetryDelayAfterAFailureUntilItResponds) {
    backend_health h;
    EXPECT_EQ(h.state(), health_state::up);
    EXPECT_EQ(h.failed(rules, "refused", now), health_state::failing);
    EXPECT_EQ(h.reason(), "refused");
    EXPECT_TRUE(h.is_in_retry_delay(rules, now + 9s));
    EXPECT_FALSE(h.is_in_retry_delay(rules, now + 10s));
    h.note_attempt(rules, now + 10s);
    EXPECT_TRUE(h.is_in_retry_delay(rules, now + 19s));
    EXPECT_EQ(h.succeeded(rules, health_source::session, now + 19s), health_state::up);
    EXPECT_EQ(h.since(), now + 19s);
    EXPECT_FALSE(h.is_in_retry_delay(rules, now + 19s));
    EXPECT_EQ(h.weight_factor(rules, now + 19s), 1);  // it was never down
}

TEST(Health, FallsAndRisesAtItsThresholds_G7) {
    for (const auto& r : {rules, checked()}) {
        backend_health h;
        EXPECT_EQ(h.failed(r, "a", now), health_state::failing);
        EXPECT_EQ(h.failed(r, "b", now), std::nullopt);
        EXPECT_EQ(h.succeeded(r, health_source::check, now), health_state::up);  // failures must be consecutive
        EXPECT_EQ(h.failed(r, "c", now), health_state::failing);
        EXPECT_EQ(h.failed(r, "d", now), std::nullopt);
        EXPECT_EQ(h.failed(r, "e", now + 1s), health_state::down);
        EXPECT_EQ(h.failed(r, "f", now + 2s), std::nullopt);
        EXPECT_EQ(h.since(), now + 1s);
        EXPECT_EQ(h.reason(), "f");
        EXPECT_EQ(h.succeeded(r, health_source::check, now), std::nullopt);
        EXPECT_EQ(h.failed(r, "g", now), std::nullopt);
        EXPECT_EQ(h.succeeded(r, health_source::check, now), std::nullopt);  // successes too
        EXPECT_EQ(h.state(), health_state::down);
        EXPECT_EQ(h.succeeded(r, health_source::check, now + 9s), health_state::up);
        EXPECT_EQ(h.since(), now + 9s);
        EXPECT_EQ(h.reason(), "");
    }
}

TEST(Health, AppliesSuccessesOfSessionsOnlyWithoutChecks) {
    backend_health h;
    h.failed(checked(), "login: 530", now);
    EXPECT_EQ(h.succeeded(checked(), health_source::session, now), std::nullopt);
    EXPECT_TRUE(h.is_in_retry_delay(checked(), now + 1h));  // a check finds out, no session has to
    EXPECT_EQ(h.succeeded(checked(), health_source::check, now), health_state::up);
}

TEST(Health, ExcludesADownBackendUnlessConfiguredOtherwise_G7) {
    struct row {
        balancing_rules r;
        bool is_excluded;
    };
    for (const auto& [r, is_excluded] :
         {row{rules, false}, row{checked(), true}, row{checked(all_down_policy::try_anyway), false}}) {
        backend_health h;
        for (int i = 0; i < 3; ++i) {
            EXPECT_FALSE(h.is_excluded(r));
            h.failed(r, "refused", now);
        }
        EXPECT_EQ(h.is_excluded(r), is_excluded);
    }
}

TEST(Health, IncreasesTheWeightFactorDuringSlowStart_G7) {
    backend_health h;
    EXPECT_EQ(h.weight_factor(rules, now), 1);  // nothing to recover from
    for (int i = 0; i < 3; ++i) h.failed(rules, "refused", now);
    for (int i = 0; i < 2; ++i) h.succeeded(rules, health_source::session, now);
    double before = 0;
    for (const auto& [after, weight_factor] : std::initializer_list<std::pair<net::clock::duration, double>>{
             {0s, 0.1}, {1s, 0.1}, {5s, 0.25}, {10s, 0.5}, {19s, 0.95}, {20s, 1}, {1h, 1}}) {
        EXPECT_DOUBLE_EQ(h.weight_factor(rules, now + after), weight_factor);
        EXPECT_GE(h.weight_factor(rules, now + after), before);
        before = weight_factor;
    }
    h.succeeded(rules, health_source::session, now + 30s);  // a response while it is up is no recovery
    EXPECT_EQ(h.weight_factor(rules, now + 30s), 1);
    auto at_once = rules;
    at_once.slow_start = 0s;
    EXPECT_EQ(h.weight_factor(at_once, now), 1);
}

TEST(Health, AveragesTheResponseTimeAndDropsAnOldOne) {
    backend_health h;
    EXPECT_FALSE(h.response_time(now));
    h.add_response_time(100ms, now);
    EXPECT_DOUBLE_EQ(h.response_time(now)->count(), 0.1);
    h.add_response_time(500ms, now);
    EXPECT_DOUBLE_EQ(h.response_time(now)->count(), 0.2);
    EXPECT_FALSE(h.response_time(now + limits::max_response_time_age + 1s));
    h.add_response_time(10ms, now + limits::max_response_time_age + 1s);
    EXPECT_DOUBLE_EQ(h.response_time(now + limits::max_response_time_age + 1s)->count(), 0.01);
}

}  // namespace
}  // namespace sallyport::gate
