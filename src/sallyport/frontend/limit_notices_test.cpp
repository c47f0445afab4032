#include <sallyport/frontend/limit_notices.hpp>

#include <gtest/gtest.h>

namespace sallyport::frontend {
namespace {

using namespace std::chrono_literals;

ip_address address(std::uint32_t number) {
    const auto byte = [number](unsigned shift) { return static_cast<std::uint8_t>(number >> shift); };
    return ip_address::v4({10, byte(16), byte(8), byte(0)});
}

class limit_notices_test : public ::testing::Test {
protected:
    limit_notices notices;
    limit_notices::clock::time_point now = limit_notices::clock::time_point() + 10h;
};

TEST_F(limit_notices_test, an_address_is_logged_once_an_hour) {
    EXPECT_TRUE(notices.note(address(1), now));
    EXPECT_FALSE(notices.note(address(1), now + 59min));
    EXPECT_TRUE(notices.note(address(2), now + 59min));
    EXPECT_TRUE(notices.note(address(1), now + 60min));
    EXPECT_FALSE(notices.note(address(1), now + 119min));
}

TEST_F(limit_notices_test, the_number_of_addresses_is_bounded) {
    std::size_t lines = 0;
    for (std::uint32_t i = 0; i < 10 * limits::max_limit_notices; ++i) lines += notices.note(address(i), now) ? 1U : 0U;
    EXPECT_EQ(lines, limits::max_limit_notices);
    EXPECT_TRUE(notices.note(address(1'000'000), now + 1h)) << "the old ones were removed";
}

}  // namespace
}  // namespace sallyport::frontend
