#include <sallyport/reach/curl_epsv_delay.hpp>

#include <gtest/gtest.h>

namespace sallyport::reach {
namespace {

using namespace std::chrono_literals;

[[nodiscard]] bool delays_after(net::clock::duration silence) {
    curl_epsv_delay c;
    const net::deadline begin{};
    c.reply_sent(begin);
    c.command_received(begin + silence);
    return c.delay() > 0s;
}

TEST(CurlEpsvDelay, RecognizesTheClientByItsSecondOfSilence) {
    EXPECT_TRUE(delays_after(1000ms));
    EXPECT_TRUE(delays_after(1050ms));
    for (const auto other : {0ms, 200ms, 900ms, 1200ms, 2000ms, 60'000ms})
        EXPECT_FALSE(delays_after(other)) << other.count();
}

TEST(CurlEpsvDelay, IgnoresAnyOtherSilence) {
    curl_epsv_delay c;
    const net::deadline begin{};
    c.command_received(begin + 1s);
    EXPECT_EQ(c.delay(), 0s) << "no reply was sent before";
    c.reply_sent(begin);
    c.command_received(begin + 1ms);
    c.command_received(begin + 1001ms);
    EXPECT_EQ(c.delay(), 0s) << "the client sent a command right after the reply";
}

}  // namespace
}  // namespace sallyport::reach
