#include <sallyport/server/login_rules.hpp>

#include <cstdlib>
#include <ctime>

#include <gtest/gtest.h>

namespace sallyport::server {
namespace {

constexpr unsigned hour = 60;
constexpr unsigned day = 24 * hour;

bool is_open(std::string_view text, unsigned minute) {
    const auto hours = parse_hours(text);
    EXPECT_TRUE(hours) << text;
    return hours && contains(*hours, minute);
}

TEST(login_rules, hours_of_every_day) {
    EXPECT_FALSE(is_open("08:00-18:30", 8 * hour - 1));
    EXPECT_TRUE(is_open("08:00-18:30", 8 * hour));
    EXPECT_TRUE(is_open("08:00-18:30", 6 * day + 18 * hour + 29));
    EXPECT_FALSE(is_open("08:00-18:30", 6 * day + 18 * hour + 30));
}

TEST(login_rules, hours_of_some_days_and_beyond_midnight) {
    EXPECT_TRUE(is_open("mon-fri 00:00-24:00", 5 * day - 1));
    EXPECT_FALSE(is_open("mon-fri 00:00-24:00", 5 * day));
    EXPECT_TRUE(is_open("sat-mon 00:00-24:00", 0)) << "the week goes on";
    EXPECT_FALSE(is_open("sat-mon 00:00-24:00", day));
    EXPECT_TRUE(is_open("sun 22:00-06:00", 6 * day + 23 * hour));
    EXPECT_TRUE(is_open("sun 22:00-06:00", 6 * hour - 1)) << "on Monday";
    EXPECT_FALSE(is_open("sun 22:00-06:00", 6 * hour));
    EXPECT_FALSE(is_open("sun 22:00-06:00", 6 * day + 5 * hour)) << "that is of Saturday";
}

TEST(login_rules, what_is_no_time) {
    for (const auto* const text :
         {"", "8-18", "08:00", "08:00-08:00", "25:00-26:00", "08:60-09:00", "24:00-06:00", "day 08:00-09:00",
          "mon- 08:00-09:00", "mon  08:00-09:00", "mon-fri", "-1:00-02:00", "08:00-09:00 "})
        EXPECT_FALSE(parse_hours(text)) << text;
}

TEST(login_rules, a_login_outside_of_the_hours_looks_like_a_wrong_password) {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
    // Thursday, 00:00.
    constexpr std::int64_t epoch = 0;
    const auto client = ip_address::parse("192.0.2.1").value();
    const login_rules rules{.hours = {parse_hours("thu 00:00-01:00").value(), parse_hours("sun 00:00-01:00").value()}};
    EXPECT_TRUE(check_login_rules(rules, client, false, epoch + 3599));
    const auto late = check_login_rules(rules, client, false, epoch + 3600);
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, errc::login_refused);
    EXPECT_EQ(late.error().what, "the account may not log in at this time");
}

}  // namespace
}  // namespace sallyport::server
