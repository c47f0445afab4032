#include <sallyport/cli/utc_text.hpp>

#include <limits>

#include <gtest/gtest.h>

namespace sallyport::cli {
namespace {

TEST(UtcText, HasTheTimeInUtc) {
    constexpr std::int64_t at = 1'767'366'245;
    EXPECT_EQ(utc_date(at), "2026-01-02");
    EXPECT_EQ(utc_minute(at), "2026-01-02 15:04");
    EXPECT_EQ(iso_time(at), "2026-01-02T15:04:05Z");
}

TEST(UtcText, ATimeThatNoCalendarHasIsNoError) {
    EXPECT_EQ(utc_date(std::numeric_limits<std::int64_t>::max()), "1970-01-01");
}

}  // namespace
}  // namespace sallyport::cli
