#include <sallyport/frontend/account_guesses.hpp>

#include <gtest/gtest.h>
#include <sallyport/base/limits.hpp>

namespace sallyport::frontend {
namespace {

using namespace std::chrono_literals;
using verdict = account_guesses::verdict;

class account_guesses_test : public ::testing::Test {
protected:
    /// One wrong password. False if it may not be checked.
    bool guess(std::string_view account) {
        const auto asked = table.ask(account, now);
        if (asked == verdict::refused) return false;
        table.failed(account, asked == verdict::reserved, now);
        return true;
    }

    account_guesses_test() { table.set_limit(60); }

    account_guesses table;
    account_guesses::clock::time_point now{1h};
};

TEST_F(account_guesses_test, AU02_an_account_without_failures_is_not_limited) {
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(table.ask("anna", now), verdict::unlimited);
    EXPECT_EQ(table.tracked(), 0U);
}

TEST_F(account_guesses_test, AU02_many_addresses_have_sixty_guesses_a_minute_together) {
    int guesses = 0;
    for (const auto end = now + 1min; now < end; now += 10ms) guesses += guess("anna") ? 1 : 0;
    EXPECT_LE(guesses, 60);
    EXPECT_GE(guesses, 50);
    EXPECT_EQ(table.ask("bob", now), verdict::unlimited);
}

TEST_F(account_guesses_test, AU02_guesses_at_the_same_time_count) {
    EXPECT_TRUE(guess("anna"));
    for (unsigned i = 1; i < 10; ++i) EXPECT_EQ(table.ask("anna", now), verdict::reserved);
    EXPECT_EQ(table.ask("anna", now), verdict::refused);
    table.failed("anna", true, now);
    EXPECT_EQ(table.ask("anna", now + 1200ms), verdict::reserved);
}

TEST_F(account_guesses_test, AU02_each_limit_holds_for_the_first_minute) {
    for (const unsigned limit : {1U, 2U, 5U, 6U, 1000U}) {
        account_guesses limited;
        limited.set_limit(limit);
        unsigned guesses = 0;
        for (auto at = now; at < now + 1min; at += 1ms) {
            const auto asked = limited.ask("anna", at);
            if (asked == verdict::refused) continue;
            limited.failed("anna", asked == verdict::reserved, at);
            ++guesses;
        }
        EXPECT_LE(guesses, limit);
        EXPECT_GE(guesses, limit * 5 / 6);
    }
}

TEST_F(account_guesses_test, AU02_without_a_limit_nothing_is_counted) {
    table.set_limit(0);
    for (int i = 0; i < 1000; ++i) EXPECT_TRUE(guess("anna"));
    EXPECT_EQ(table.tracked(), 0U);
}

TEST_F(account_guesses_test, AU02_a_burst_before_the_first_failure_is_counted_afterwards) {
    for (int i = 0; i < 100; ++i) EXPECT_EQ(table.ask("anna", now), verdict::unlimited);
    for (int i = 0; i < 100; ++i) table.failed("anna", false, now);
    EXPECT_EQ(table.ask("anna", now + 100s), verdict::refused);
    EXPECT_EQ(table.ask("anna", now + 110s), verdict::reserved);
    for (int i = 0; i < 10'000; ++i) table.failed("anna", false, now);
    EXPECT_EQ(table.ask("anna", now + limits::max_penalty), verdict::unlimited);
}

TEST_F(account_guesses_test, AU02_right_passwords_use_up_nothing) {
    EXPECT_TRUE(guess("fleet"));
    for (int i = 0; i < 1000; ++i) {
        ASSERT_EQ(table.ask("fleet", now), verdict::reserved);
        table.succeeded("fleet");
    }
    EXPECT_EQ(table.ask("fleet", now + 1200ms), verdict::unlimited);
    table.succeeded("fleet");
    table.succeeded("other");
}

TEST_F(account_guesses_test, AU02_the_first_refusal_is_noted_once) {
    while (guess("anna")) {
    }
    EXPECT_TRUE(table.is_first_refusal("anna"));
    EXPECT_FALSE(table.is_first_refusal("anna"));
    now += 1min;
    while (guess("anna")) {
    }
    EXPECT_TRUE(table.is_first_refusal("anna"));
}

TEST_F(account_guesses_test, AU02_a_flood_of_names_keeps_the_table_bounded_and_a_limit_in_force) {
    for (int i = 0; i < 20; ++i) table.failed("anna", false, now);
    for (int i = 0; i < 100'000; ++i) table.failed("user" + std::to_string(i), false, now);
    EXPECT_LE(table.tracked(), limits::max_guessed_accounts);
    EXPECT_EQ(table.ask("anna", now), verdict::refused);
}

TEST_F(account_guesses_test, AU02_long_names_are_cut) {
    const std::string name(1000, 'x');
    table.failed(name, false, now);
    EXPECT_EQ(table.ask(name + "y", now), verdict::reserved);
    EXPECT_EQ(table.tracked(), 1U);
}

}  // namespace
}  // namespace sallyport::frontend
