#include <sallyport/reach/hasty_client.hpp>

#include <gtest/gtest.h>

namespace sallyport::reach {
namespace {

using namespace std::chrono_literals;

[[nodiscard]] bool waits_after(net::clock::duration silence) {
    hasty_client c;
    const net::deadline begin{};
    c.answered(begin);
    c.heard(begin + silence);
    return c.pause() > 0s;
}

TEST(HastyClient, IsKnownByTheSecondThatItSleeps) {
    EXPECT_TRUE(waits_after(1000ms));
    EXPECT_TRUE(waits_after(1050ms));
    for (const auto other : {0ms, 200ms, 900ms, 1200ms, 2000ms, 60'000ms}) EXPECT_FALSE(waits_after(other)) << other.count();
}

TEST(HastyClient, IsNotTakenForOneByAnyOtherSilence) {
    hasty_client c;
    const net::deadline begin{};
    c.heard(begin + 1s);
    EXPECT_EQ(c.pause(), 0s) << "nothing was answered yet";
    c.answered(begin);
    c.heard(begin + 1ms);
    c.heard(begin + 1001ms);
    EXPECT_EQ(c.pause(), 0s) << "it had gone on at once";
}

}  // namespace
}  // namespace sallyport::reach
