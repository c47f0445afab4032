#include <sallyport/frontend/recent_logins.hpp>

#include <gtest/gtest.h>

namespace sallyport::frontend {
namespace {

using namespace std::chrono_literals;

const ip_address owner = *ip_address::parse("198.51.100.7");

class recent_logins_test : public ::testing::Test {
protected:
    recent_logins table;
    recent_logins::clock::time_point now = recent_logins::clock::time_point() + 1h;
};

TEST_F(recent_logins_test, AU02_an_address_is_known_for_an_hour_after_its_last_login) {
    EXPECT_FALSE(table.contains(owner, now));
    table.add(owner, now);
    EXPECT_TRUE(table.contains(owner, now + 59min));
    table.add(owner, now + 59min);
    EXPECT_TRUE(table.contains(owner, now + 118min));
    EXPECT_FALSE(table.contains(owner, now + 119min));
}

TEST_F(recent_logins_test, AU02_a_flood_of_addresses_keeps_the_table_bounded_and_the_newest) {
    for (std::uint32_t i = 0; i < 2 * limits::max_recent_logins; ++i) {
        const auto byte = [i](unsigned shift) { return static_cast<std::uint8_t>(i >> shift); };
        table.add(ip_address::v4({10, byte(16), byte(8), byte(0)}), now);
        if (i % 1000 == 0) table.add(owner, now);
    }
    EXPECT_EQ(table.tracked(), limits::max_recent_logins);
    EXPECT_TRUE(table.contains(owner, now));
}

}  // namespace
}  // namespace sallyport::frontend
