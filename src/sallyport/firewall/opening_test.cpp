#include <sallyport/firewall/opening.hpp>

#include <gtest/gtest.h>

namespace sallyport::firewall {
namespace {

using namespace std::chrono_literals;

constexpr forwarding forwards{true, true};
constexpr forwarding forwards_nothing{};

ip_address address(std::string_view text) { return *ip_address::parse(text); }

opening from_another_network() {
    return {address("192.0.2.1"), *endpoint::parse("203.0.113.7:50000"), *endpoint::parse("10.0.0.5:40000"),
            address("10.0.0.1"), 30s};
}

TEST(opening, has_a_text) {
    EXPECT_EQ(from_another_network().text(), "192.0.2.1 to 203.0.113.7:50000, forwarded to 10.0.0.5:40000 from 10.0.0.1");
}

TEST(opening, leaves_out_of_the_text_what_is_kept) {
    auto o = from_another_network();
    o.source = o.client;
    EXPECT_EQ(o.text(), "192.0.2.1 to 203.0.113.7:50000, forwarded to 10.0.0.5:40000");
    o.forward_to = o.listen;
    EXPECT_EQ(o.text(), "192.0.2.1 to 203.0.113.7:50000");
}

TEST(opening, forwards_between_networks_if_the_system_does) {
    EXPECT_TRUE(can_forward(from_another_network(), forwards));
    const auto refused = can_forward(from_another_network(), forwards_nothing);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().what.find("net.ipv4.ip_forward"), std::string::npos) << refused.error().what;
}

TEST(opening, needs_no_forwarding_if_an_end_is_local) {
    auto local_client = from_another_network();
    local_client.client = local_client.listen.address;
    EXPECT_TRUE(can_forward(local_client, forwards_nothing));

    auto local_server = from_another_network();
    local_server.source = local_server.forward_to.address;
    EXPECT_TRUE(can_forward(local_server, forwards_nothing));
}

TEST(opening, checks_forwarding_by_address_family) {
    const opening six{address("2001:db8::1"), *endpoint::parse("[2001:db8::7]:50000"), *endpoint::parse("[fd00::5]:40000"),
                      address("fd00::1"), 30s};
    EXPECT_TRUE(can_forward(six, {false, true}));
    const auto refused = can_forward(six, {true, false});
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().what.find("net.ipv6"), std::string::npos) << refused.error().what;
}

TEST(opening, does_not_take_a_setting_that_cannot_be_read_for_disabled) {
    const auto refused = can_forward(from_another_network(), {.is_known = false});
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().what.find("net.ipv4.ip_forward cannot be read"), std::string::npos) << refused.error().what;
}

TEST(opening, stays_within_an_address_family) {
    auto o = from_another_network();
    o.forward_to = *endpoint::parse("[fd00::5]:40000");
    o.source = address("fd00::1");
    const auto refused = can_forward(o, forwards);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, errc::unsupported);
}

// The kernel would drop such packets silently, and the client would time out instead of being relayed.
TEST(opening, does_not_forward_between_loopback_and_other_networks) {
    auto server_on_loopback = from_another_network();
    server_on_loopback.forward_to = *endpoint::parse("127.0.0.1:40000");
    server_on_loopback.source = address("127.0.0.1");
    EXPECT_FALSE(can_forward(server_on_loopback, forwards));

    auto client_on_loopback = from_another_network();
    client_on_loopback.client = address("127.0.0.1");
    client_on_loopback.listen = *endpoint::parse("127.0.0.1:50000");
    EXPECT_FALSE(can_forward(client_on_loopback, forwards));

    client_on_loopback.forward_to = *endpoint::parse("127.0.0.1:40000");
    client_on_loopback.source = address("127.0.0.1");
    EXPECT_TRUE(can_forward(client_on_loopback, forwards_nothing));
}

TEST(opening, never_forwards_to_special_addresses) {
    for (const auto* text : {"0.0.0.0", "224.0.0.1", "169.254.1.1"}) {
        auto o = from_another_network();
        o.forward_to.address = address(text);
        EXPECT_FALSE(can_forward(o, forwards)) << text;
    }
}

// For the kernel a timeout of zero means for ever.
TEST(opening, requires_a_lifetime) {
    auto o = from_another_network();
    o.lifetime = 0ms;
    EXPECT_FALSE(can_forward(o, forwards));
}

}  // namespace
}  // namespace sallyport::firewall
