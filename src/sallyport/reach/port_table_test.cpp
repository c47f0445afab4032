#include <sallyport/reach/port_table.hpp>
#include <sallyport/reach/random.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include <gtest/gtest.h>

namespace sallyport::reach {
namespace {

using namespace std::chrono_literals;

const ip_address alice = *ip_address::parse("192.0.2.1");
const ip_address bob = *ip_address::parse("2001:db8::2");
const port_table::time start{1000s};

TEST(random_below, is_below_the_bound_and_yields_every_value) {
    std::array<int, 3> seen{};
    for (int i = 0; i < 3000; ++i) ++seen.at(random_below(3));
    for (const int n : seen) EXPECT_GT(n, 700);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(random_below(1), 0U);
}

TEST(port_table, reserves_a_slot_once_for_each_client) {
    port_table table(1, 4, 60s);
    EXPECT_EQ(table.reserve(alice, 3, start), 0U);
    EXPECT_EQ(table.reserve(alice, 0, start), std::nullopt);
    EXPECT_EQ(table.reserve(bob, 2, start), 0U);
    EXPECT_EQ(table.reserve(bob, 2, start), std::nullopt);
}

TEST(port_table, reserves_every_slot_and_no_other) {
    port_table table(130, 3, 60s);
    std::set<std::uint32_t> seen;
    for (int i = 0; i < 130; ++i) {
        const auto s = table.reserve(alice, 1, start);
        ASSERT_TRUE(s);
        EXPECT_LT(*s, 130U);
        EXPECT_EQ(*s % 3 == 1, i < 43) << "the share comes first";  // 1, 4, ... 127
        seen.insert(*s);
    }
    EXPECT_EQ(seen.size(), 130U);
    EXPECT_EQ(table.reserve(alice, 1, start), std::nullopt);
    table.grow(200);
    EXPECT_GE(table.reserve(alice, 1, start).value(), 130U);
}

// DC-02: a late stray connection must not hit a new session.
TEST(port_table, does_not_reuse_a_slot_in_cooldown_while_others_are_free) {
    port_table table(10, 1, 60s);
    std::set<std::uint32_t> seen;
    auto now = start;
    for (int i = 0; i < 10; ++i) {
        const auto s = table.reserve(alice, 0, now);
        ASSERT_TRUE(s);
        seen.insert(*s);
        table.release(alice, *s, now);
        now += 1s;
    }
    EXPECT_EQ(seen.size(), 10U);
    // All slots are in cooldown for alice, none for bob.
    EXPECT_TRUE(table.reserve(bob, 0, now));
}

TEST(port_table, reuses_the_oldest_cooldown_if_no_slot_is_free) {
    port_table table(3, 1, 60s);
    std::vector<std::uint32_t> order;
    for (int i = 0; i < 3; ++i) order.push_back(table.reserve(alice, 0, start).value());
    for (const auto s : order) table.release(alice, s, start);
    for (const auto s : order) EXPECT_EQ(table.reserve(alice, 0, start + 1s), s);
    EXPECT_EQ(table.reserve(alice, 0, start + 1s), std::nullopt);
}

TEST(port_table, reuses_the_oldest_cooldown_of_the_share_first) {
    port_table table(6, 2, 60s);
    std::vector<std::uint32_t> order;
    for (int i = 0; i < 6; ++i) order.push_back(table.reserve(alice, 0, start).value());
    for (const auto s : order) table.release(alice, s, start);
    ASSERT_EQ(order.front() % 2, 0U) << "of the other share";
    for (const std::uint32_t share : {1U, 0U}) {
        for (const auto s : order) {
            if (s % 2 != share) continue;
            EXPECT_EQ(table.reserve(alice, 1, start + 1s), s);
        }
    }
    EXPECT_EQ(table.reserve(alice, 1, start + 1s), std::nullopt);
}

TEST(port_table, ends_the_cooldown) {
    port_table table(2, 1, 60s);
    const auto first = table.reserve(alice, 0, start).value();
    table.release(alice, first, start);
    EXPECT_EQ(table.reserve(alice, 0, start + 1s), 1 - first);
    EXPECT_EQ(table.reserve(alice, 0, start + 60s), first);
}

TEST(port_table, frees_a_cancelled_slot_at_once) {
    port_table table(1, 1, 60s);
    ASSERT_EQ(table.reserve(alice, 0, start), 0U);
    table.cancel(alice, 0);
    EXPECT_EQ(table.reserve(alice, 0, start), 0U);
}

TEST(port_table, skips_excluded_slots_until_their_time) {
    port_table table(3, 1, 60s);
    table.exclude(0, port_table::time::max());
    table.exclude(1, start + 30s);
    EXPECT_EQ(table.reserve(alice, 0, start), 2U);
    EXPECT_EQ(table.reserve(alice, 0, start + 29s), std::nullopt);
    EXPECT_EQ(table.reserve(alice, 0, start + 30s), 1U);
    EXPECT_EQ(table.reserve(alice, 0, start + 24h), std::nullopt);
}

TEST(port_table, does_not_reserve_an_excluded_slot_from_its_cooldown) {
    port_table table(1, 1, 60s);
    ASSERT_EQ(table.reserve(alice, 0, start), 0U);
    table.release(alice, 0, start);
    table.exclude(0, start + 10s);
    EXPECT_EQ(table.reserve(alice, 0, start + 1s), std::nullopt);
    EXPECT_EQ(table.reserve(alice, 0, start + 10s), 0U);
}

// A short version of GW-07: 20,000 choices over 100 slots; chi-square with 99 degrees of freedom is below 148 in 99.9 of 100
// cases, below 180 in all but one of a million.
TEST(port_table, GW07_chooses_uniformly_and_without_pattern) {
    constexpr std::size_t slots = 100;
    constexpr int rounds = 20000;
    port_table table(slots, 1, 0s);
    std::array<double, slots> count{};
    double sum_xy = 0;
    double before = 0;
    for (int i = 0; i < rounds; ++i) {
        const auto s = table.reserve(alice, 0, start).value();
        table.release(alice, s, start);
        ++count.at(s);
        const double x = (s - 49.5) / std::sqrt((slots * slots - 1) / 12.0);
        sum_xy += x * before;
        before = x;
    }
    double chi_square = 0;
    for (const double n : count) chi_square += (n - rounds / slots) * (n - rounds / slots) / (rounds / slots);
    EXPECT_LT(chi_square, 180);
    EXPECT_LT(std::abs(sum_xy / rounds), 0.04) << "serial correlation";
}

// S3: those that the router forwards.
TEST(port_table, reserves_among_some_slots_only) {
    port_table table(8, 2, 60s);
    slot_set some;
    some.resize(8);
    some.insert(2);
    some.insert(5);
    std::set<std::uint32_t> seen;
    for (int i = 0; i < 2; ++i) seen.insert(table.reserve(alice, 0, start, &some).value());
    EXPECT_EQ(seen, (std::set<std::uint32_t>{2, 5}));
    EXPECT_EQ(table.reserve(alice, 0, start, &some), std::nullopt);
    table.release(alice, 5, start);
    EXPECT_EQ(table.reserve(alice, 0, start, &some), 5U) << "although its cooldown has not ended";
    EXPECT_TRUE(table.reserve(alice, 0, start));
}

TEST(port_table, opens_no_more_slots_than_max_open_while_others_are_free) {
    port_table table(10, 1, 60s, 3);
    std::set<std::uint32_t> open;
    for (int i = 0; i < 3; ++i) {
        const auto s = table.reserve(alice, 0, start).value();
        table.set_open(s);
        open.insert(s);
    }
    EXPECT_EQ(open.size(), 3U);
    EXPECT_TRUE(open.contains(table.reserve(bob, 0, start).value())) << "free for bob and open already";
    table.release(alice, *open.begin(), start);
    EXPECT_EQ(table.reserve(alice, 0, start), *open.begin()) << "a short cooldown is preferred to one more listener";
    EXPECT_FALSE(open.contains(table.reserve(alice, 0, start).value())) << "one more listener is preferred to none";
}

TEST(port_table, erases_clients_without_reservations) {
    port_table table(64, 1, 60s);
    const auto held = table.reserve(alice, 0, start).value();
    for (unsigned i = 0; i < 3 * port_table::max_clients; ++i) {
        const auto client = ip_address::v4({10, 1, static_cast<std::uint8_t>(i >> 8U), static_cast<std::uint8_t>(i)});
        table.release(client, table.reserve(client, 0, start).value(), start);
    }
    EXPECT_LE(table.clients(), 2 * port_table::max_clients);
    // The reservation of alice is still there.
    for (int i = 0; i < 63; ++i) EXPECT_NE(table.reserve(alice, 0, start).value(), held);
    EXPECT_EQ(table.reserve(alice, 0, start), std::nullopt);
}

}  // namespace
}  // namespace sallyport::reach
