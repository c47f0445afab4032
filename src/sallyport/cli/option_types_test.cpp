#include <sallyport/cli/option_types.hpp>

#include <gtest/gtest.h>

namespace sallyport::cli {
namespace {

using namespace std::chrono_literals;

TEST(OptionTypes, TimesHaveUnits) {
    for (const auto& [text, time] : std::vector<std::pair<std::string, std::chrono::milliseconds>>{{"30", 30s},
                                                                                                   {"30s", 30s},
                                                                                                   {"1500ms", 1500ms},
                                                                                                   {"1.5", 1500ms},
                                                                                                   {"1.25s", 1250ms},
                                                                                                   {"5m", 5min},
                                                                                                   {"1h", 1h},
                                                                                                   {"1d", 24h},
                                                                                                   {"0.5h", 30min},
                                                                                                   {"2H", 2h},
                                                                                                   {"+7", 7s},
                                                                                                   {"366d", 24h * 366}}) {
        const auto got = parse_time(text, {});
        ASSERT_TRUE(got) << text << ": " << got.error().what;
        EXPECT_EQ(*got, time) << text;
    }
    EXPECT_EQ(*parse_time("0.5", {.min = 1ms}), 500ms);
    EXPECT_EQ(*parse_time("0.001", {.min = 1ms}), 1ms);
}

TEST(OptionTypes, NonsenseIsNoTime) {
    for (const char* text : {"",
                             "-5",
                             "-5s",
                             "s",
                             "5x",
                             "5 s",
                             " 5",
                             "5s ",
                             "5ss",
                             "1e3",
                             "0x10",
                             ".5",
                             "5.",
                             "1.2.3",
                             "nan",
                             "inf",
                             "off",
                             "0",
                             "0s",
                             "0.0",
                             "100000000000",
                             "18446744073709551616",
                             "9223372036854775807d",
                             "367d",
                             "0.5",
                             "999ms",
                             "0.000001",
                             "--5",
                             "5m30s",
                             "ten"}) {
        const auto got = parse_time(text, {});
        ASSERT_FALSE(got) << text;
        EXPECT_EQ(got.error().code, errc::usage);
        EXPECT_NE(got.error().what.find("; use "), std::string::npos) << got.error().what;
    }
    EXPECT_FALSE(parse_time("1.5", {}, 1s)) << "what is kept in whole seconds";
}

TEST(OptionTypes, ZeroIsForEverWhereItMaybeAndOffIsOff) {
    EXPECT_EQ(*parse_time("0", {.zero = true}), unlimited);
    EXPECT_FALSE(parse_time("off", {.zero = true}));
    EXPECT_EQ(*parse_time("off", {.off = true}), 0s);
    EXPECT_FALSE(parse_time("0", {.off = true}));
    EXPECT_EQ(*parse_count("0", {.zero = true}), 0U);
    EXPECT_FALSE(parse_count("0", {}));
    EXPECT_EQ(*parse_count("off", {.off = true}), 0U);
    EXPECT_FALSE(parse_count("off", {.zero = true}));
    // It can be added to the current time twice.
    const auto now = std::chrono::steady_clock::now();
    EXPECT_GT(now + unlimited, now);
    EXPECT_GT(now + unlimited + unlimited, now);
}

TEST(OptionTypes, CountsAreWholeNumbers) {
    EXPECT_EQ(*parse_count("1", {}), 1U);
    EXPECT_EQ(*parse_count("1000000", {}), 1'000'000U);
    for (const char* text : {"", "-1", "1.5", "1k", "x", "1 ", "1000001", "99999999999999999999", "0x1", "1e3"})
        EXPECT_FALSE(parse_count(text, {})) << text;
}

TEST(OptionTypes, SizesHaveUnits) {
    const count_bounds any{.min = 1, .max = std::uint64_t(1) << 50U, .zero = true};
    for (const auto& [text, bytes] : std::vector<std::pair<std::string, std::uint64_t>>{{"0", 0},
                                                                                        {"500", 500},
                                                                                        {"64k", 65'536},
                                                                                        {"64K", 65'536},
                                                                                        {"64KB", 65'536},
                                                                                        {"64KiB", 65'536},
                                                                                        {"10M", 10'485'760},
                                                                                        {"1.5M", 1'572'864},
                                                                                        {"0.5k", 512},
                                                                                        {"1G", 1'073'741'824},
                                                                                        {"1T", 1'099'511'627'776}}) {
        const auto got = parse_count(text, any, true);
        ASSERT_TRUE(got) << text << ": " << got.error().what;
        EXPECT_EQ(*got, bytes) << text;
    }
    for (const char* text :
         {"", "-1", "k", "5x", "5 k", "5kk", "1e3", "off", "9999999T", "18446744073709551615", "5i", "0.0001"})
        EXPECT_TRUE(!parse_count(text, any, true) || *parse_count(text, any, true) == 0) << text;
    EXPECT_FALSE(parse_count("-1k", any, true));
    EXPECT_FALSE(parse_count("5i", any, true));
}

TEST(OptionTypes, RatesMayBeFractions) {
    EXPECT_EQ(*parse_rate("0.1"), 0.1);
    EXPECT_EQ(*parse_rate("50"), 50);
    EXPECT_EQ(*parse_rate("0"), 0);
    for (const char* text : {"", "-1", "nan", "inf", "1e99", "0.0001", "1000001", "1s", "x", "1/s"})
        EXPECT_FALSE(parse_rate(text)) << text;
}

TEST(OptionTypes, PortsAreARange) {
    EXPECT_EQ(*parse_ports("30000-30099"), (port_range{30000, 30099}));
    EXPECT_EQ(*parse_ports("30000"), (port_range{30000, 30000}));
    for (const char* text :
         {"", "0", "0-5", "30099-30000", "1-65536", "-5", "5-", "a-b", "30000:30099", "30000-30099-30100", "1.5-3"})
        EXPECT_FALSE(parse_ports(text)) << text;
}

TEST(OptionTypes, DefaultsAreShownAsTheyAreWritten) {
    EXPECT_EQ(time_text(300s), "5m");
    EXPECT_EQ(time_text(90s), "90s");
    EXPECT_EQ(time_text(1500ms), "1500ms");
    EXPECT_EQ(time_text(unlimited), "0");
    EXPECT_EQ(seconds_text(300s), "300");
    EXPECT_EQ(seconds_text(1500ms), "1.5");
    EXPECT_EQ(seconds_text(1ms), "0.001");
    EXPECT_EQ(seconds_text(unlimited), "0 (no limit)");
    EXPECT_EQ(size_text(65'536), "64K");
    EXPECT_EQ(size_text(1000), "1000");
    for (const auto time : {300s, 90s, 86'400s, 1s}) EXPECT_EQ(*parse_time(time_text(time), {}), time);
}

}  // namespace
}  // namespace sallyport::cli
