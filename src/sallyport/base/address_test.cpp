#include <sallyport/base/address.hpp>

#include <gtest/gtest.h>

namespace sallyport {
namespace {

TEST(Address, MappedIpv4IsFolded) {
    EXPECT_EQ(ip_address::parse("::ffff:192.0.2.7"), ip_address::parse("192.0.2.7"));
    EXPECT_TRUE(ip_address::parse("::ffff:192.0.2.7")->is_v4());
}

TEST(Address, ReadsAndWritesBothFamilies) {
    EXPECT_EQ(ip_address::parse("2001:db8:0:0::1")->text(), "2001:db8::1");
    EXPECT_EQ(ip_address::parse("10.0.0.1")->text(), "10.0.0.1");
    for (const char* bad : {"", "10.0.0", "010.0.0.1.2", "1.2.3.4 ", "host", "::1%", "[::1]"}) {
        EXPECT_FALSE(ip_address::parse(bad)) << bad;
    }
    EXPECT_EQ(ip_address::parse("fe80::1%3")->scope(), 3U);
}

TEST(Address, KnowsWhatTheOutsideCannotReach) {
    for (const char* inside : {"10.1.2.3", "172.16.0.1", "172.31.255.1", "192.168.0.1", "100.64.0.1", "fd00::1"}) {
        EXPECT_TRUE(ip_address::parse(inside)->is_private()) << inside;
        EXPECT_FALSE(ip_address::parse(inside)->is_public()) << inside;
    }
    for (const char* other : {"127.0.0.1", "::1", "0.0.0.0", "169.254.169.254", "224.0.0.1", "fe80::1", "255.255.255.255"}) {
        EXPECT_FALSE(ip_address::parse(other)->is_public()) << other;
    }
    EXPECT_TRUE(ip_address::parse("17.254.0.91")->is_public());
    EXPECT_TRUE(ip_address::parse("172.32.0.1")->is_public());
}

TEST(Endpoint, ReadsAndWrites) {
    EXPECT_EQ(endpoint::parse("127.0.0.1:2121")->text(), "127.0.0.1:2121");
    EXPECT_EQ(endpoint::parse("[::1]:21")->text(), "[::1]:21");
    EXPECT_EQ(endpoint::parse(":2121")->text(), "0.0.0.0:2121");
    for (const char* bad : {"", "21", "::1:21", "1.2.3.4", "1.2.3.4:65536", "1.2.3.4:-1", "[::1]21"}) {
        EXPECT_FALSE(endpoint::parse(bad)) << bad;
    }
}

TEST(PortRange, ReadsAndWrites) {
    EXPECT_EQ(port_range::parse("50000-50009")->size(), 10U);
    EXPECT_EQ(port_range::parse("21")->text(), "21");
    for (const char* bad : {"", "0-5", "9-8", "a-b", "1-70000", "1-"}) EXPECT_FALSE(port_range::parse(bad)) << bad;
}

}  // namespace
}  // namespace sallyport
