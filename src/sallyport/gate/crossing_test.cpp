// Openings for the data connections of intercepted sessions.

#include <sallyport/gate/crossing.hpp>

#include <gtest/gtest.h>

namespace sallyport::gate {
namespace {

ip_address address(std::string_view text) { return *ip_address::parse(text); }
endpoint at(std::string_view text) { return *endpoint::parse(text); }

/// `translated`: what the NAT of a router makes of the client's address.
crossing_peers peers(std::string_view translated) {
    return {address("192.168.1.2"), address("203.0.113.5"), address(translated)};
}

TEST(Crossing, LetsThePassiveClientReachTheServerUntranslated_G2) {
    translated_ports ports;
    const auto got = plan_crossing(proto::leg::client, at("203.0.113.5:40000"), peers("198.51.100.1"), ports);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->opening, (firewall::opening{address("192.168.1.2"), at("203.0.113.5:40000"), at("203.0.113.5:40000"),
                                               address("192.168.1.2")}));
}

TEST(Crossing, NamesTheTranslatedAddressAndARandomPortToTheServer_G3) {
    translated_ports ports;
    const auto to = at("192.168.1.2:6000");
    const auto first = plan_crossing(proto::leg::backend, to, peers("198.51.100.1"), ports);
    const auto second = plan_crossing(proto::leg::backend, to, peers("198.51.100.1"), ports);
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->opening.client, address("203.0.113.5"));
    EXPECT_EQ(first->opening.listen, first->port.at());
    EXPECT_EQ(first->opening.listen.address, address("198.51.100.1"));
    EXPECT_GE(first->opening.listen.port, 1024);
    EXPECT_NE(first->opening.listen.port, second->opening.listen.port);
    EXPECT_EQ(first->opening.forward_to, at("192.168.1.2:6000"));
    EXPECT_EQ(first->opening.source, address("203.0.113.5"));
}

TEST(Crossing, LeavesThePortOfTheClientWithoutNat_G3) {
    translated_ports ports;
    const auto got = plan_crossing(proto::leg::backend, at("192.168.1.2:6000"), peers("192.168.1.2"), ports);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->opening.listen, at("192.168.1.2:6000"));
    EXPECT_EQ(got->opening.forward_to, got->opening.listen);
}

}  // namespace
}  // namespace sallyport::gate
