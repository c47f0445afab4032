// When dropped connection requests are reported (G12).

#include <sallyport/gate/input_chain.hpp>

#include <gtest/gtest.h>

namespace sallyport::gate {
namespace {

using namespace std::chrono_literals;

TEST(DroppedRequests, AreReportedOnceAMinuteAtMost_G12) {
    dropped_request_count count;
    const dropped_request_count::clock::time_point start{};
    EXPECT_EQ(count.note(0, start), std::nullopt);
    EXPECT_EQ(count.note(1, start + 5s), std::nullopt) << "one may be on its way";
    EXPECT_EQ(count.note(3, start + 10s), 3U);
    EXPECT_EQ(count.note(9, start + 15s), std::nullopt);
    EXPECT_EQ(count.note(12, start + 70s), 9U);
    EXPECT_EQ(count.note(12, start + 200s), std::nullopt) << "nothing new";
}

TEST(DroppedRequests, SurviveTheEndOfTheirRange) {
    dropped_request_count count;
    EXPECT_EQ(count.note(UINT32_MAX, {}), std::nullopt) << "a repeated request passed without being counted before";
    EXPECT_EQ(count.note(3, dropped_request_count::clock::time_point(1s)), 3U);
}

}  // namespace
}  // namespace sallyport::gate
