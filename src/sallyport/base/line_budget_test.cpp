#include <sallyport/base/line_budget.hpp>

#include <string>

#include <gtest/gtest.h>

#include <sallyport/base/limits.hpp>

namespace sallyport {
namespace {

using namespace std::chrono_literals;

const line_budget::clock::time_point start = line_budget::clock::time_point(1h);

constexpr int at_once = static_cast<int>(limits::log_line_burst);

ip_address address(const std::string& text) { return ip_address::parse(text).value(); }

int lines(line_budget& budget, const ip_address& from, int wanted, line_budget::clock::time_point now) {
    int written = 0;
    for (int i = 0; i < wanted; ++i) written += budget.take(from, now) ? 1 : 0;
    return written;
}

TEST(LineBudget, GrantsABurstThenOneLineASecond) {
    line_budget budget;
    const auto from = address("192.0.2.1");
    EXPECT_EQ(lines(budget, from, 1000, start), at_once);
    EXPECT_EQ(lines(budget, from, 1000, start + 1s), 1);
    EXPECT_EQ(lines(budget, from, 1000, start + 4s), 3);
    EXPECT_EQ(lines(budget, from, 1000, start + 1h), at_once);
}

TEST(LineBudget, ReportsOnceHowManyLinesWereSuppressed) {
    line_budget budget;
    const auto from = address("192.0.2.1");
    EXPECT_EQ(budget.take(from, start), 0U);
    // The first of these lines are written, 100 are not.
    (void)lines(budget, from, at_once - 1 + 100, start);
    EXPECT_EQ(budget.take(from, start + 1s), 100U);
    EXPECT_EQ(budget.take(from, start + 2s), 0U);
}

TEST(LineBudget, OneSourceDoesNotUseUpAnother) {
    line_budget budget;
    EXPECT_EQ(lines(budget, address("192.0.2.1"), 1000, start), at_once);
    EXPECT_EQ(lines(budget, address("192.0.2.2"), 1000, start), at_once);
}

TEST(LineBudget, CountsAnIPv6NetworkAsOneSource) {
    line_budget budget;
    EXPECT_EQ(lines(budget, address("2001:db8:0:1::1"), 6, start), 6);
    EXPECT_EQ(lines(budget, address("2001:db8:0:1:ffff::2"), 1000, start), at_once - 6);
    EXPECT_EQ(lines(budget, address("2001:db8:0:2::1"), 6, start), 6);
}

TEST(LineBudget, BoundsItsMemoryAndTheLinesOfAFloodOfSources) {
    line_budget budget;
    int written = 0;
    for (std::uint32_t i = 0; i < 2 * limits::max_log_sources; ++i) {
        const auto byte = [&](unsigned shift) { return static_cast<std::uint8_t>(i >> shift); };
        const auto from = ip_address::v4({10, byte(16), byte(8), byte(0)});
        // Each source has a suppressed line, so that none can be removed.
        written += lines(budget, from, at_once + 1, start);
    }
    EXPECT_EQ(budget.tracked(), limits::max_log_sources);
    EXPECT_EQ(written, (static_cast<int>(limits::max_log_sources) + 1) * at_once);
}

}  // namespace
}  // namespace sallyport
