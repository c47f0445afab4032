#include <sallyport/frontend/login_penalties.hpp>

#include <gtest/gtest.h>
#include <sallyport/base/limits.hpp>

namespace sallyport::frontend {
namespace {

using namespace std::chrono_literals;

ip_address ip(const char* text) { return *ip_address::parse(text); }

class login_penalties_test : public ::testing::Test {
protected:
    login_penalties table;
    login_penalties::clock::time_point now{};
    const ip_address attacker = ip("198.51.100.7");
};

TEST_F(login_penalties_test, AU02_one_or_two_failed_logins_are_tolerated) {
    table.add(attacker, login_failure::refused, now);
    table.add(attacker, login_failure::refused, now);
    EXPECT_FALSE(table.rejects(attacker, now));
}

TEST_F(login_penalties_test, AU02_an_attacker_is_rejected_until_the_penalty_expires) {
    for (int i = 0; i < 3; ++i) table.add(attacker, login_failure::refused, now);
    EXPECT_TRUE(table.rejects(attacker, now));
    EXPECT_TRUE(table.rejects(attacker, now + 14s));
    EXPECT_FALSE(table.rejects(attacker, now + 15s));
    EXPECT_EQ(table.tracked(), 0U);
}

TEST_F(login_penalties_test, AU02_a_fast_attacker_has_at_most_twelve_attempts_a_minute) {
    int attempts = 0;
    for (const auto end = now + 10min; now < end; now += 10ms) {
        if (table.rejects(attacker, now)) continue;
        table.add(attacker, login_failure::refused, now);
        ++attempts;
    }
    EXPECT_LE(attempts, 120 + 3);
}

TEST_F(login_penalties_test, AU02_no_penalty_exceeds_the_maximum) {
    for (int i = 0; i < 10'000; ++i) table.add(attacker, login_failure::timed_out, now);
    EXPECT_TRUE(table.rejects(attacker, now + limits::max_penalty - 1s));
    EXPECT_FALSE(table.rejects(attacker, now + limits::max_penalty));
}

TEST_F(login_penalties_test, AU02_other_addresses_get_no_penalty) {
    for (int i = 0; i < 3; ++i) table.add(attacker, login_failure::refused, now);
    EXPECT_FALSE(table.rejects(ip("198.51.100.8"), now));
}

TEST_F(login_penalties_test, AU02_a_flood_of_sources_keeps_the_table_bounded_and_long_penalties_in_force) {
    for (int i = 0; i < 20; ++i) table.add(attacker, login_failure::refused, now);
    for (std::uint32_t i = 0; i < 200'000; ++i) {
        const auto byte = [i](unsigned shift) { return static_cast<std::uint8_t>(i >> shift); };
        table.add(ip_address::v4({10, byte(16), byte(8), byte(0)}), login_failure::refused, now);
    }
    EXPECT_LE(table.tracked(), limits::max_penalized_sources);
    EXPECT_TRUE(table.rejects(attacker, now));
}

TEST_F(login_penalties_test, AU02_lists_rejected_sources_with_the_remaining_time) {
    const auto persistent = ip("198.51.100.8");
    for (int i = 0; i < 3; ++i) table.add(attacker, login_failure::refused, now);
    for (int i = 0; i < 10; ++i) table.add(persistent, login_failure::refused, now);
    table.add(ip("198.51.100.9"), login_failure::refused, now);
    const auto listed = table.list(now + 5s);
    ASSERT_EQ(listed.size(), 2U);
    EXPECT_EQ(listed[0].source, persistent);
    EXPECT_EQ(listed[0].remaining, 45s);
    EXPECT_EQ(listed[1].source, attacker);
    EXPECT_EQ(listed[1].remaining, 10s);
    EXPECT_TRUE(table.list(now + 50s).empty());
}

TEST_F(login_penalties_test, AU02_a_forgiven_source_starts_without_a_penalty) {
    for (int i = 0; i < 5; ++i) table.add(attacker, login_failure::refused, now);
    ASSERT_TRUE(table.rejects(attacker, now));
    EXPECT_TRUE(table.forgive(attacker, now));
    EXPECT_FALSE(table.rejects(attacker, now));
    EXPECT_FALSE(table.forgive(attacker, now));
    table.add(attacker, login_failure::refused, now);
    EXPECT_FALSE(table.rejects(attacker, now));
}

}  // namespace
}  // namespace sallyport::frontend
