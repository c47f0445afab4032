#include <sallyport/firewall/opening.hpp>

#include <gtest/gtest.h>

namespace sallyport::firewall {
namespace {

using namespace std::chrono_literals;

constexpr forwarding passes{true, true};
constexpr forwarding passes_nothing{};

ip_address address(std::string_view text) { return *ip_address::parse(text); }

opening from_outside() {
    return {address("192.0.2.1"), *endpoint::parse("203.0.113.7:50000"), *endpoint::parse("10.0.0.5:40000"),
            address("10.0.0.1"), 30s};
}

TEST(opening, is_told_in_words) {
    EXPECT_EQ(from_outside().text(), "192.0.2.1 to 203.0.113.7:50000, led to 10.0.0.5:40000 from 10.0.0.1");
}

TEST(opening, leads_between_networks_where_the_system_forwards) {
    EXPECT_TRUE(can_lead(from_outside(), passes));
    const auto refused = can_lead(from_outside(), passes_nothing);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().what.find("net.ipv4.ip_forward"), std::string::npos) << refused.error().what;
}

TEST(opening, needs_no_forwarding_where_an_end_is_this_machine) {
    auto client_here = from_outside();
    client_here.client = client_here.at.address;
    EXPECT_TRUE(can_lead(client_here, passes_nothing));

    auto server_here = from_outside();
    server_here.from = server_here.to.address;
    EXPECT_TRUE(can_lead(server_here, passes_nothing));
}

TEST(opening, counts_forwarding_by_family) {
    const opening six{address("2001:db8::1"), *endpoint::parse("[2001:db8::7]:50000"), *endpoint::parse("[fd00::5]:40000"),
                      address("fd00::1"), 30s};
    EXPECT_TRUE(can_lead(six, {false, true}));
    const auto refused = can_lead(six, {true, false});
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().what.find("net.ipv6"), std::string::npos) << refused.error().what;
}

TEST(opening, stays_within_a_family) {
    auto o = from_outside();
    o.to = *endpoint::parse("[fd00::5]:40000");
    o.from = address("fd00::1");
    const auto refused = can_lead(o, passes);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, errc::unsupported);
}

// The kernel would drop such packets unseen: the client's connection would hang instead of being relayed.
TEST(opening, leads_between_loopback_and_elsewhere_neither_way) {
    auto server_on_loopback = from_outside();
    server_on_loopback.to = *endpoint::parse("127.0.0.1:40000");
    server_on_loopback.from = address("127.0.0.1");
    EXPECT_FALSE(can_lead(server_on_loopback, passes));

    auto client_on_loopback = from_outside();
    client_on_loopback.client = address("127.0.0.1");
    client_on_loopback.at = *endpoint::parse("127.0.0.1:50000");
    EXPECT_FALSE(can_lead(client_on_loopback, passes));

    client_on_loopback.to = *endpoint::parse("127.0.0.1:40000");
    client_on_loopback.from = address("127.0.0.1");
    EXPECT_TRUE(can_lead(client_on_loopback, passes_nothing));
}

TEST(opening, never_leads_to_special_addresses) {
    for (const auto* text : {"0.0.0.0", "224.0.0.1", "169.254.1.1"}) {
        auto o = from_outside();
        o.to.address = address(text);
        EXPECT_FALSE(can_lead(o, passes)) << text;
    }
}

// To the kernel no time means for ever.
TEST(opening, has_an_end) {
    auto o = from_outside();
    o.lifetime = 0ms;
    EXPECT_FALSE(can_lead(o, passes));
}

}  // namespace
}  // namespace sallyport::firewall
