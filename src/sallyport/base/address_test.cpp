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

TEST(Address, RecognizesAddressesThatAreNotPublic) {
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

TEST(Network, ContainsAddressesWithItsPrefix) {
    struct row {
        const char *network, *inside, *outside;
    };
    for (const auto& [network, inside, outside] : {
             row{"10.0.0.0/8", "10.255.0.1", "11.0.0.0"},
             row{"192.168.4.0/22", "192.168.7.255", "192.168.8.0"},
             row{"192.0.2.7", "192.0.2.7", "192.0.2.6"},
             row{"192.0.2.6/31", "::ffff:192.0.2.7", "192.0.2.5"},
             row{"0.0.0.0/0", "203.0.113.9", "2001:db8::1"},
             row{"::/0", "2001:db8::1", "203.0.113.9"},
             row{"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::"},
             row{"fe80::/10", "fe80::1%1", "fec0::1"},
             row{"::1", "::1", "::2"},
         }) {
        const auto n = ip_network::parse(network);
        ASSERT_TRUE(n) << network;
        EXPECT_TRUE(n->contains(*ip_address::parse(inside))) << network;
        EXPECT_FALSE(n->contains(*ip_address::parse(outside))) << network;
    }
}

TEST(Address, OfOneHostWhateverTheZone) {
    const auto same = [](const char* a, const char* b) {
        return is_same_host(*ip_address::parse(a), *ip_address::parse(b));
    };
    EXPECT_TRUE(same("fe80::1%2", "fe80::1"));
    EXPECT_FALSE(same("fe80::1", "fe80::2"));
    EXPECT_FALSE(same("0.0.0.0", "::"));
}

TEST(Network, ReadsAndWrites) {
    EXPECT_EQ(ip_network::parse("10.0.0.0/8")->text(), "10.0.0.0/8");
    EXPECT_EQ(ip_network::parse("127.0.0.1")->text(), "127.0.0.1/32");
    EXPECT_EQ(ip_network::parse("2001:DB8:0::/32")->text(), "2001:db8::/32");
    for (const char* bad : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/-1", "10.0.0.0/8/8",
                            "2001:db8::1/64", "::/129", "fe80::1%1/128", "10/8", "host/8", "10.0.0.0 /8"}) {
        EXPECT_FALSE(ip_network::parse(bad)) << bad;
    }
}

TEST(PortRange, ReadsAndWrites) {
    EXPECT_EQ(port_range::parse("50000-50009")->size(), 10U);
    EXPECT_EQ(port_range::parse("21")->text(), "21");
    for (const char* bad : {"", "0-5", "9-8", "a-b", "1-70000", "1-"}) EXPECT_FALSE(port_range::parse(bad)) << bad;
}

}  // namespace
}  // namespace sallyport
