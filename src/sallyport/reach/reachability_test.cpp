#include <sallyport/reach/reachability.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::reach {
namespace {

using testing::HasSubstr;

ip_address at(const char* text) { return *ip_address::parse(text); }

/// A host in a home network, whose router answers nothing.
reachability_facts at_home() {
    reachability_facts out;
    out.own = at("192.168.77.10");
    out.router = at("192.168.77.1");
    out.interface = "lan";
    for (const auto protocol : {mapping_protocol::pcp, mapping_protocol::natpmp, mapping_protocol::upnp})
        out.answers.push_back({.protocol = protocol, .problem = "no answer"});
    return out;
}

/// The router speaks all protocols; two of them report this address.
reachability_facts with_router(const char* external) {
    auto out = at_home();
    for (auto& each : out.answers) {
        each.is_spoken = true;
        each.problem.clear();
        if (each.protocol != mapping_protocol::pcp) each.external = at(external);
    }
    return out;
}

/// This server sees these endpoints over UDP and over TCP; the local ports are 5000 and 6000.
void add_stun(reachability_facts& facts, const char* server, const char* over_udp, const char* over_tcp) {
    for (const bool tcp : {false, true}) {
        const stun_observation seen{.server = {at(server), stun_server::default_port},
                                    .local = {*facts.own, static_cast<std::uint16_t>(tcp ? 6000 : 5000)},
                                    .external = *endpoint::parse(tcp ? over_tcp : over_udp),
                                    .over_tcp = tcp};
        facts.stun.push_back({.server = {.host = server}, .over_tcp = tcp, .seen = seen});
    }
}

// C2, D2: the twelve networks, and what is said about each.

TEST(Reachability, NoDefaultRoute) {
    const auto got = judge({});
    EXPECT_EQ(got.kind, reachability::offline);
    EXPECT_EQ(got.external, std::nullopt);
}

TEST(Reachability, PublicAddress) {
    auto facts = at_home();
    facts.own = at("5.9.1.10");
    add_stun(facts, "5.9.1.2", "5.9.1.10:5000", "5.9.1.10:6000");
    const auto got = judge(facts);
    EXPECT_EQ(got.kind, reachability::direct);
    EXPECT_EQ(got.external, at("5.9.1.10"));
    EXPECT_EQ(got.ports, port_choice::kept);
}

TEST(Reachability, Ipv6Alone) {
    reachability_facts facts;
    facts.own_ipv6 = at("2a01:4f8:77::10");
    const auto got = judge(facts);
    EXPECT_EQ(got.kind, reachability::direct);
    EXPECT_EQ(got.external, facts.own_ipv6);
    EXPECT_THAT(got.finding, HasSubstr("no default route for IPv4. It has the public IPv6 address 2a01:4f8:77::10"));
}

TEST(Reachability, AddressesForDocumentationAreNotPublic) {
    for (const auto* example : {"192.0.2.10", "198.51.100.10", "203.0.113.10"}) {
        auto facts = at_home();
        facts.own = at(example);
        const auto got = judge(facts);
        EXPECT_EQ(got.kind, reachability::forwarding_needed) << example;
        EXPECT_EQ(got.external, std::nullopt);
        EXPECT_THAT(got.finding, HasSubstr("is an address for documentation"));
        EXPECT_EQ(judge(with_router(example)).kind, reachability::nested_nat) << example;
    }
    EXPECT_FALSE(is_internet_address(at("2001:db8::10")));
    EXPECT_TRUE(is_internet_address(at("2a01:4f8:77::10")));
}

TEST(Reachability, RouterThatMapsPorts) {
    auto facts = with_router("5.9.1.1");
    auto got = judge(facts);
    EXPECT_EQ(got.kind, reachability::mapped);
    EXPECT_EQ(got.external, at("5.9.1.1"));
    EXPECT_EQ(got.finding, "The router maps ports on request by PCP, NAT-PMP, UPnP; its external address is 5.9.1.1.");
    add_stun(facts, "5.9.1.2", "5.9.1.1:5000", "5.9.1.1:6000");
    got = judge(facts);
    EXPECT_EQ(got.kind, reachability::mapped);
    EXPECT_THAT(got.finding, HasSubstr("which STUN servers see too"));
}

TEST(Reachability, RouterWithOneProtocolEach) {
    for (const auto protocol : {mapping_protocol::pcp, mapping_protocol::natpmp, mapping_protocol::upnp}) {
        auto facts = at_home();
        for (auto& each : facts.answers) each.is_spoken = each.protocol == protocol;
        const auto got = judge(facts);
        EXPECT_EQ(got.kind, reachability::mapped);
        EXPECT_THAT(got.finding, HasSubstr(display_name(protocol)));
        EXPECT_EQ(got.external, std::nullopt) << "it is not known";
    }
}

TEST(Reachability, RouterThatDoesNot) {
    auto facts = at_home();
    auto got = judge(facts);
    EXPECT_EQ(got.kind, reachability::forwarding_needed);
    EXPECT_EQ(got.external, std::nullopt);
    EXPECT_THAT(got.next_step, HasSubstr("forward the control port and the passive ports there to 192.168.77.10"));
    add_stun(facts, "5.9.1.2", "5.9.1.1:5000", "5.9.1.1:6000");
    got = judge(facts);
    EXPECT_EQ(got.external, std::nullopt) << "one server proves nothing";
    EXPECT_THAT(got.finding, HasSubstr("One STUN server sees 5.9.1.1"));
    add_stun(facts, "5.9.1.3", "5.9.1.1:5000", "5.9.1.1:6001");
    EXPECT_EQ(judge(facts).external, at("5.9.1.1"));
}

TEST(Reachability, CarrierNat) {
    const auto got = judge(with_router("100.64.0.9"));
    EXPECT_EQ(got.kind, reachability::nested_nat);
    EXPECT_EQ(got.external, std::nullopt);
    EXPECT_EQ(got.finding,
              "There is more than one NAT: the external address of the router, 100.64.0.9, is an address of a carrier's NAT "
              "(100.64.0.0/10).");
}

TEST(Reachability, TwoRoutersAtHome) {
    auto facts = with_router("192.168.0.2");
    facts.own_ipv6 = at("2a01:4f8:77::10");
    const auto got = judge(facts);
    EXPECT_EQ(got.kind, reachability::nested_nat);
    EXPECT_THAT(got.finding, HasSubstr("192.168.0.2, is a private address"));
    EXPECT_THAT(got.next_step, HasSubstr("clients with IPv6 can use 2a01:4f8:77::10"));
}

// miniupnpd with a private external address answers so.
TEST(Reachability, RouterThatReportsNoAddress) {
    auto facts = with_router("5.9.1.1");
    for (auto& each : facts.answers) {
        each.external.reset();
        each.lacks_address = each.protocol != mapping_protocol::pcp;
    }
    auto got = judge(facts);
    EXPECT_EQ(got.kind, reachability::nested_nat);
    EXPECT_THAT(got.finding, HasSubstr("not connected, or there is another NAT"));
    add_stun(facts, "5.9.1.2", "5.9.1.1:5000", "5.9.1.1:6000");
    got = judge(facts);
    EXPECT_THAT(got.finding, HasSubstr("hosts on the Internet see 5.9.1.1"));
}

TEST(Reachability, AnotherNatWithAPublicAddress) {
    auto facts = with_router("5.9.1.1");
    add_stun(facts, "5.9.1.2", "6.6.6.6:5000", "6.6.6.6:6000");
    add_stun(facts, "5.9.1.3", "6.6.6.6:5000", "6.6.6.6:6000");
    const auto got = judge(facts);
    EXPECT_EQ(got.kind, reachability::nested_nat);
    EXPECT_EQ(got.external, at("6.6.6.6"));
    EXPECT_THAT(got.finding, HasSubstr("is 5.9.1.1, but hosts on the Internet see 6.6.6.6"));
}

TEST(Reachability, StunServerThatLies) {
    auto facts = with_router("5.9.1.1");
    add_stun(facts, "5.9.1.2", "6.6.6.6:5000", "6.6.6.6:6000");
    const auto got = judge(facts);
    EXPECT_EQ(got.kind, reachability::contradictory);
    EXPECT_EQ(got.external, std::nullopt);
    EXPECT_THAT(got.next_step, HasSubstr("second server"));
    // Another one and the router contradict it.
    add_stun(facts, "5.9.1.3", "5.9.1.1:5000", "5.9.1.1:6000");
    EXPECT_EQ(judge(facts).kind, reachability::mapped);
    EXPECT_EQ(judge(facts).external, at("5.9.1.1"));
}

TEST(Reachability, StunServersThatDiffer) {
    auto facts = at_home();
    add_stun(facts, "5.9.1.2", "5.9.1.1:5000", "5.9.1.1:6000");
    add_stun(facts, "5.9.1.3", "6.6.6.6:5000", "6.6.6.6:6000");
    const auto got = judge(facts);
    EXPECT_EQ(got.kind, reachability::contradictory);
    EXPECT_EQ(got.external, std::nullopt);
    EXPECT_THAT(got.finding, HasSubstr("5.9.1.1 and 6.6.6.6"));
}

TEST(Reachability, NatThatChangesPorts) {
    auto facts = with_router("5.9.1.1");
    add_stun(facts, "5.9.1.2", "5.9.1.1:27131", "5.9.1.1:27132");
    EXPECT_EQ(judge(facts).ports, port_choice::changed);
    add_stun(facts, "5.9.1.3", "5.9.1.1:27131", "5.9.1.1:27133");
    EXPECT_EQ(judge(facts).ports, port_choice::changed) << "one port over UDP for both servers";
    add_stun(facts, "5.9.1.4", "5.9.1.1:60230", "5.9.1.1:60231");
    const auto got = judge(facts);
    EXPECT_EQ(got.ports, port_choice::changed_for_each_server);
    EXPECT_EQ(got.kind, reachability::mapped) << "the router maps them nevertheless";
}

}  // namespace
}  // namespace sallyport::reach
