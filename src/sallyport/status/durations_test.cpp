#include <sallyport/status/durations.hpp>

#include <numeric>

#include <gtest/gtest.h>

namespace sallyport::status {
namespace {

using namespace std::chrono_literals;

TEST(Durations, AreCountedInTheStepThatTheyDoNotExceed_G12) {
    duration_counts counted;
    counted.add(0ms);
    counted.add(1ms);
    counted.add(1001us);
    counted.add(1h);
    counted.add(1h + 1ns);
    const auto seen = counted.read();
    EXPECT_EQ(seen.counts.front(), 2U);
    EXPECT_EQ(seen.counts[1], 1U);
    EXPECT_EQ(seen.counts[duration_steps.size() - 1], 1U);
    EXPECT_EQ(seen.counts.back(), 1U);
    EXPECT_EQ(std::accumulate(seen.counts.begin(), seen.counts.end(), std::uint64_t{0}), 5U);
    EXPECT_EQ(seen.microseconds, 7'200'002'001U);
}

TEST(Durations, OneBelowZeroCountsAsNone) {
    duration_counts counted;
    counted.add(-1s);
    EXPECT_EQ(counted.read().counts.front(), 1U);
    EXPECT_EQ(counted.read().microseconds, 0U);
}

}  // namespace
}  // namespace sallyport::status
