#include <sallyport/front/penalties.hpp>

#include <gtest/gtest.h>
#include <sallyport/base/limits.hpp>

namespace sallyport::front {
namespace {

using namespace std::chrono_literals;

ip_address ip(const char* text) { return *ip_address::parse(text); }

class penalties_test : public ::testing::Test {
protected:
    penalties table;
    penalties::clock::time_point now{};
    const ip_address guesser = ip("198.51.100.7");
};

TEST_F(penalties_test, AU02_a_slip_or_two_costs_nothing) {
    table.add(guesser, offence::login_refused, now);
    table.add(guesser, offence::login_refused, now);
    EXPECT_FALSE(table.refuses(guesser, now));
}

TEST_F(penalties_test, AU02_a_guesser_is_refused_until_its_time_is_over) {
    for (int i = 0; i < 3; ++i) table.add(guesser, offence::login_refused, now);
    EXPECT_TRUE(table.refuses(guesser, now));
    EXPECT_TRUE(table.refuses(guesser, now + 14s));
    EXPECT_FALSE(table.refuses(guesser, now + 15s));
    EXPECT_EQ(table.tracked(), 0U);
}

TEST_F(penalties_test, AU02_a_source_at_full_speed_has_twelve_guesses_a_minute_at_most) {
    int guesses = 0;
    for (const auto end = now + 10min; now < end; now += 10ms) {
        if (table.refuses(guesser, now)) continue;
        table.add(guesser, offence::login_refused, now);
        ++guesses;
    }
    EXPECT_LE(guesses, 120 + 3);
}

TEST_F(penalties_test, AU02_no_debt_outgrows_the_most) {
    for (int i = 0; i < 10'000; ++i) table.add(guesser, offence::login_timed_out, now);
    EXPECT_TRUE(table.refuses(guesser, now + limits::penalty_most - 1s));
    EXPECT_FALSE(table.refuses(guesser, now + limits::penalty_most));
}

TEST_F(penalties_test, AU02_neighbours_are_not_punished) {
    for (int i = 0; i < 3; ++i) table.add(guesser, offence::login_refused, now);
    EXPECT_FALSE(table.refuses(ip("198.51.100.8"), now));
}

TEST_F(penalties_test, AU02_a_flood_of_sources_keeps_the_table_bounded_and_the_ban_held) {
    for (int i = 0; i < 20; ++i) table.add(guesser, offence::login_refused, now);
    for (std::uint32_t i = 0; i < 200'000; ++i) {
        const auto byte = [i](unsigned shift) { return static_cast<std::uint8_t>(i >> shift); };
        table.add(ip_address::v4({10, byte(16), byte(8), byte(0)}), offence::login_refused, now);
    }
    EXPECT_LE(table.tracked(), limits::penalised_sources);
    EXPECT_TRUE(table.refuses(guesser, now));
}

TEST_F(penalties_test, AU02_lists_who_is_refused_and_for_how_long) {
    const auto patient = ip("198.51.100.8");
    for (int i = 0; i < 3; ++i) table.add(guesser, offence::login_refused, now);
    for (int i = 0; i < 10; ++i) table.add(patient, offence::login_refused, now);
    table.add(ip("198.51.100.9"), offence::login_refused, now);
    const auto listed = table.list(now + 5s);
    ASSERT_EQ(listed.size(), 2U);
    EXPECT_EQ(listed[0].source, patient);
    EXPECT_EQ(listed[0].remaining, 45s);
    EXPECT_EQ(listed[1].source, guesser);
    EXPECT_EQ(listed[1].remaining, 10s);
    EXPECT_TRUE(table.list(now + 50s).empty());
}

TEST_F(penalties_test, AU02_who_is_forgiven_begins_anew) {
    for (int i = 0; i < 5; ++i) table.add(guesser, offence::login_refused, now);
    ASSERT_TRUE(table.refuses(guesser, now));
    EXPECT_TRUE(table.forgive(guesser, now));
    EXPECT_FALSE(table.refuses(guesser, now));
    EXPECT_FALSE(table.forgive(guesser, now));
    table.add(guesser, offence::login_refused, now);
    EXPECT_FALSE(table.refuses(guesser, now));
}

}  // namespace
}  // namespace sallyport::front
