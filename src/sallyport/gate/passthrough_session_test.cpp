// When a session with TLS passthrough is idle, and the end of its permission, without a session. With a gateway:
// gate_passthrough_test.cpp.

#include <gtest/gtest.h>

#include <new>
#include <vector>

#include <sallyport/gate/passthrough_session.hpp>

namespace sallyport::gate {
namespace {

using namespace std::chrono_literals;

constexpr net::deadline begin{100h};

TEST(PassthroughActivity, CountsFromTheLastByteOrTheEndOfTheLastDataConnection) {
    EXPECT_EQ((passthrough_activity{false, begin, {}}.idle_until(begin + 7s, 60s)), begin + 60s);
    EXPECT_EQ((passthrough_activity{false, begin, begin + 5s}.idle_until(begin + 7s, 60s)), begin + 65s);
    EXPECT_EQ((passthrough_activity{false, begin + 6s, begin + 5s}.idle_until(begin + 7s, 60s)), begin + 66s);
}

TEST(PassthroughActivity, IsNeverIdleDuringATransfer_G5) {
    for (const auto now : {begin, begin + 59s, begin + 60s, begin + 10h})
        EXPECT_GT((passthrough_activity{true, begin, {}}.idle_until(now, 60s)), now);
}

TEST(PassthroughPermission, EndsWithItsHolderWhateverHappens_G10) {
    std::vector<std::uint32_t> ended;
    interception_settings settings;
    settings.end_passing = [&ended](std::uint32_t number) {
        ended.push_back(number);
        throw std::bad_alloc();
    };
    try {
        const at_exit permitted(end_of_permission{settings, 7});
        EXPECT_TRUE(ended.empty());
        throw std::bad_alloc();
    } catch (const std::bad_alloc&) {
        EXPECT_EQ(ended, std::vector<std::uint32_t>{7});
    }
}

}  // namespace
}  // namespace sallyport::gate
