// When a session with TLS passthrough is idle, as a function of values. With a gateway: gate_passthrough_test.cpp.

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace sallyport::gate
