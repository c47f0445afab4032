#include <sallyport/firewall/interception_text.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::firewall {
namespace {

using testing::ElementsAre;

interception_settings settings() {
    return {.interceptions =
                {{.interfaces = {"lan0", "ppp*"}, .ports = {21, 2121}, .implicit_ports = {990}, .listeners = {8021, 8021}}},
            .mark = {0x100, 0x300},
            .route_table = 8300};
}

TEST(interception_text_test, has_the_lines_of_each_firewall) {
    auto s = settings();
    EXPECT_THAT(
        administrator_rules(s, firewall_format::nftables).input,
        ElementsAre(
            R"(insert rule inet filter input iifname "lan0" tcp dport { 21, 990, 2121 } accept comment "FTP control connections")",
            R"(insert rule inet filter input iifname "ppp*" tcp dport { 21, 990, 2121 } accept comment "FTP control connections")"));
    EXPECT_THAT(administrator_rules(s, firewall_format::nftables).forward_without_related,
                ElementsAre("ct mark & 0x00000300 == 0x00000200 accept"));
    s.interceptions[0].listeners.v6 = 0;
    EXPECT_THAT(
        administrator_rules(s, firewall_format::iptables).input,
        ElementsAre(
            R"(iptables -I INPUT -i lan0 -p tcp -m multiport --dports 21,990,2121 -m comment --comment "FTP control connections" -j ACCEPT)",
            R"(iptables -I INPUT -i ppp+ -p tcp -m multiport --dports 21,990,2121 -m comment --comment "FTP control connections" -j ACCEPT)"));
    s.interceptions[0] = {.interfaces = {"lan0"}, .listeners = {8021, 8021}};
    EXPECT_THAT(
        administrator_rules(s, firewall_format::iptables).input,
        ElementsAre(
            R"(iptables -I INPUT -i lan0 -p tcp --dport 21 -m comment --comment "FTP control connections" -j ACCEPT)",
            R"(ip6tables -I INPUT -i lan0 -p tcp --dport 21 -m comment --comment "FTP control connections" -j ACCEPT)"));
    EXPECT_THAT(
        administrator_rules(s, firewall_format::ufw).input,
        ElementsAre(
            "# For IPv4, add this to /etc/ufw/before.rules before the line -A ufw-before-input -j ufw-not-local",
            "-A ufw-before-input -i lan0 -p tcp --dport 21 -j ACCEPT", "# For IPv6; the reload also applies before.rules",
            "ufw allow in on lan0 proto tcp from any to any port 21 comment 'FTP control connections' && ufw reload"));
    EXPECT_THAT(
        administrator_rules(s, firewall_format::firewalld).input,
        ElementsAre("firewall-cmd --permanent --zone=\"$(firewall-cmd --get-zone-of-interface=lan0)\" --add-port=21/tcp",
                    "firewall-cmd --reload"));
    EXPECT_TRUE(administrator_rules(s, firewall_format::firewalld).forward_without_related.empty());
}

TEST(interception_text_test, shows_what_would_be_made) {
    auto s = settings();
    const auto text = text_of(s);
    EXPECT_NE(text.rules.find("iifname \"ppp*\" tcp dport 990 jump arriving_0\n"), std::string::npos) << text.rules;
    EXPECT_NE(text.rules.find("tproxy ip to 127.0.0.1:8021 accept\n"), std::string::npos) << text.rules;
    // After the chains of others.
    EXPECT_NE(text.rules.find("prerouting priority 300"), std::string::npos) << text.rules;
    EXPECT_NE(text.rules.find("tcp sport 990 socket transparent 1 meta mark set meta mark & 0xfffffcff | 0x00000100\n"),
              std::string::npos)
        << text.rules;
    EXPECT_NE(
        text.rules.find("output priority -146; policy accept;\n        ct state new tcp flags & (fin|syn|rst|ack) == syn "
                        "socket transparent 1 ct mark set ct mark & 0xfffffcff | 0x00000200\n"),
        std::string::npos)
        << text.rules;
    EXPECT_NE(text.rules.find("tproxy ip6 to [::1]:8021"), std::string::npos);
    EXPECT_EQ(text.routes,
              "ip route add local default dev lo table 8300 proto 83\n"
              "ip rule add priority 83 fwmark 0x100/0x300 lookup 8300 proto 83\n"
              "ip -6 route add local default dev lo table 8300 proto 83\n"
              "ip -6 rule add priority 83 fwmark 0x100/0x300 lookup 8300 proto 83\n");
    EXPECT_EQ(text.blocking, "");
    s.down = when_down::block;
    EXPECT_NE(text_of(s).blocking.find("drop"), std::string::npos);
}

}  // namespace
}  // namespace sallyport::firewall
