// When dropped connection requests are reported (G12).

#include <sallyport/gate/input_chain.hpp>

#include <cerrno>

#include <gtest/gtest.h>

#include <sallyport/net/net_test.hpp>

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

class InputChain : public net::net_test {};

TEST_F(InputChain, IsAskedAgainAfterAFailure) {
    interception_settings settings;
    int queries = 0;
    settings.dropped_requests = [&]() -> result<std::uint32_t> {
        if (++queries < 3) return fail_os(EINTR, "a test");
        group.stop();
        return 0U;
    };
    run(watch_input_chain(test_loop(), settings, 1ms));
    EXPECT_EQ(queries, 3);
}

}  // namespace
}  // namespace sallyport::gate
