#include <sallyport/cli/reach_text.hpp>

#include <gtest/gtest.h>

namespace sallyport::cli {
namespace {

ip_address at(const char* text) { return *ip_address::parse(text); }

reach::reachability_facts facts() {
    reach::reachability_facts out;
    out.own = at("192.168.77.10");
    out.router = at("192.168.77.1");
    out.interface = "lan";
    out.own_ipv6 = at("2a01:4f8:77::10");
    out.answers = {{.protocol = reach::mapping_protocol::pcp, .is_spoken = true},
                   {.protocol = reach::mapping_protocol::natpmp, .is_spoken = true, .external = at("5.9.1.1")},
                   {.protocol = reach::mapping_protocol::upnp, .problem = "no answer"}};
    const reach::stun_observation seen{.server = *endpoint::parse("5.9.1.2:3478"),
                                       .local = *endpoint::parse("192.168.77.10:5000"),
                                       .external = *endpoint::parse("5.9.1.1:60230")};
    out.stun = {{.server = {.host = "stun.example.org"}, .seen = seen},
                {.server = {.host = "stun.example.org"}, .over_tcp = true, .seen = fail(errc::refused, "connecting")}};
    return out;
}

TEST(ReachText, ListsTheAnswersAndTheConclusion) {
    const auto known = facts();
    const auto refused = error{errc::refused, 0, "connecting"}.text();
    EXPECT_EQ(reach_text(known, judge(known)),
              "This machine: 192.168.77.10, router 192.168.77.1 on lan\n"
              "IPv6:         2a01:4f8:77::10\n"
              "PCP:          available\n"
              "NAT-PMP:      available, external address 5.9.1.1\n"
              "UPnP:         not available; no answer\n"
              "STUN:         stun.example.org:3478 over UDP sees 5.9.1.1:60230 for local port 5000\n"
              "STUN:         stun.example.org:3478 over TCP: " +
                  refused +
                  "\n"
                  "Ports:        changed: the external port is another one\n"
                  "\n"
                  "The router maps ports on request by PCP, NAT-PMP; its external address is 5.9.1.1, which STUN servers "
                  "see too.\n"
                  "Start the daemon with --map.\n");
}

TEST(ReachText, JsonHasTheSame) {
    const auto known = facts();
    const auto got = reach_json(known, judge(known));
    EXPECT_TRUE(got.starts_with(R"({"result":"mapped","exit_code":0,"external_address":"5.9.1.1","ports":"changed",)"))
        << got;
    EXPECT_NE(got.find(R"({"protocol":"upnp","available":false,"external_address":null,"problem":"no answer"})"), got.npos);
    EXPECT_NE(got.find(R"("transport":"udp","local":"192.168.77.10:5000","external":"5.9.1.1:60230","error":null)"),
              got.npos);
    const auto nothing = reach_json({}, reach::judge({}));
    EXPECT_TRUE(nothing.starts_with(R"({"result":"offline","exit_code":6,"external_address":null,)")) << nothing;
    EXPECT_EQ(reach_text({}, reach::judge({})).find("STUN"), std::string::npos);
}

}  // namespace
}  // namespace sallyport::cli
