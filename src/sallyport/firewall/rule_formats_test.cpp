#include <sallyport/firewall/rule_formats.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::firewall {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

using enum connection_direction;

firewall_needs server() {
    return {.connections = {{incoming, "FTP control connections", {{21, 21}, {990, 990}}},
                            {incoming, "FTP passive data connections", {{30000, 30099}}},
                            {outgoing, "FTP active data connections", {{1024, 65535}}, {{20, 20}, {989, 989}}}},
            .host = ip_address::parse("192.0.2.10"),
            .encrypted = true};
}

/// One address, as a client whose firewall lets little out.
firewall_needs client() {
    return {.connections = {{outgoing, "FTP control connections", {{21, 21}}},
                            {outgoing, "FTP passive data connections", {{30000, 30099}}},
                            {incoming, "FTP active data connections", {{1024, 65535}}, {{20, 20}}}},
            .peer = ip_address::parse("203.0.113.7"),
            .of_server = false};
}

// S10, D7: what a firewall must allow, ready to paste.
TEST(rule_formats_test, writes_nftables) {
    EXPECT_THAT(
        rule_lines(server(), firewall_format::nftables),
        ElementsAre(R"(insert rule inet filter input tcp dport { 21, 990 } accept comment "FTP control connections")",
                    R"(insert rule inet filter input tcp dport 30000-30099 accept comment "FTP passive data connections")",
                    R"(insert rule inet filter output tcp sport { 20, 989 } tcp dport 1024-65535 accept )"
                    R"(comment "FTP active data connections")"));
    EXPECT_THAT(rule_lines(client(), firewall_format::nftables),
                Contains(R"(insert rule inet filter input ip saddr 203.0.113.7 tcp sport 20 tcp dport 1024-65535 accept )"
                         R"(comment "FTP active data connections")"));
    auto v6 = server();
    v6.v4 = false;
    EXPECT_THAT(rule_lines(v6, firewall_format::nftables)[0], HasSubstr(" input meta nfproto ipv6 tcp dport "));
}

TEST(rule_formats_test, writes_iptables_for_both_families) {
    const auto lines = rule_lines(server(), firewall_format::iptables);
    EXPECT_THAT(lines, Contains("iptables -I INPUT -p tcp -m multiport --dports 21,990 -m comment --comment \"FTP control "
                                "connections\" -j ACCEPT"));
    EXPECT_THAT(lines, Contains("ip6tables -I OUTPUT -p tcp --dport 1024:65535 -m multiport --sports 20,989 -m comment "
                                "--comment \"FTP active data connections\" -j ACCEPT"));
    EXPECT_EQ(lines.size(), 6U);
    EXPECT_THAT(rule_lines(client(), firewall_format::iptables),
                ElementsAre(HasSubstr("iptables -I OUTPUT -d 203.0.113.7 -p tcp --dport 21 "),
                            HasSubstr("iptables -I OUTPUT -d 203.0.113.7 -p tcp --dport 30000:30099 "),
                            HasSubstr("iptables -I INPUT -s 203.0.113.7 -p tcp --sport 20 --dport 1024:65535 ")));
}

TEST(rule_formats_test, splits_lists_that_a_match_cannot_hold) {
    firewall_needs needs{.connections = {{incoming, "many", {}}}, .v6 = false};
    for (std::uint16_t port = 100; port < 132; port += 2) needs.connections[0].to.push_back({port, port});
    needs.connections[0].to.push_back({30000, 30001});
    EXPECT_THAT(rule_lines(needs, firewall_format::iptables),
                ElementsAre(HasSubstr("--dports 100,102,"), HasSubstr("--dports 130,30000:30001 ")));
    EXPECT_EQ(rule_lines(needs, firewall_format::ufw).size(), 2U);
}

TEST(rule_formats_test, writes_ufw_and_firewalld) {
    EXPECT_THAT(rule_lines(server(), firewall_format::ufw),
                ElementsAre("ufw allow in proto tcp from any to any port 21,990 comment 'FTP control connections'",
                            "ufw allow in proto tcp from any to any port 30000:30099 comment 'FTP passive data connections'",
                            "ufw allow out proto tcp from any port 20,989 to any port 1024:65535 comment 'FTP active data "
                            "connections'"));
    EXPECT_THAT(rule_lines(client(), firewall_format::ufw),
                Contains(HasSubstr("ufw allow in proto tcp from 203.0.113.7 port 20 to any port 1024:65535 ")));
    EXPECT_THAT(rule_lines(server(), firewall_format::firewalld),
                ElementsAre("firewall-cmd --permanent --add-port=21/tcp --add-port=990/tcp",
                            "firewall-cmd --permanent --add-port=30000-30099/tcp", "firewall-cmd --reload",
                            HasSubstr("# Outgoing")));
    EXPECT_THAT(rule_lines(client(), firewall_format::firewalld),
                Contains("firewall-cmd --permanent --add-rich-rule='rule family=\"ipv4\" source address=\"203.0.113.7\" "
                         "source-port port=\"20\" protocol=\"tcp\" accept'"));
}

TEST(rule_formats_test, writes_rules_of_other_systems) {
    EXPECT_THAT(rule_lines(server(), firewall_format::pf),
                Contains("pass in quick inet proto tcp from any to 192.0.2.10 port { 21, 990 } flags S/SA keep state"));
    EXPECT_THAT(
        rule_lines(server(), firewall_format::windows),
        Contains("New-NetFirewallRule -DisplayName \"FTP active data connections\" -Direction Outbound -Protocol TCP "
                 "-LocalPort \"20\",\"989\" -RemotePort \"1024-65535\" -Action Allow"));
    EXPECT_THAT(rule_lines(server(), firewall_format::mikrotik),
                Contains("/ip firewall filter add chain=forward action=accept protocol=tcp dst-address=192.0.2.10 "
                         "dst-port=21,990 comment=\"FTP control connections\""));
    EXPECT_THAT(
        rule_lines(server(), firewall_format::cisco_ios),
        ElementsAre("ip access-list extended FTP-TO-HOST", " remark FTP control connections",
                    " permit tcp any host 192.0.2.10 eq 21", " permit tcp any host 192.0.2.10 eq 990",
                    " remark FTP passive data connections", " permit tcp any host 192.0.2.10 range 30000 30099",
                    " remark answers to connections of the other direction", " permit tcp any host 192.0.2.10 established",
                    "ip access-list extended FTP-FROM-HOST", " remark FTP active data connections",
                    " permit tcp host 192.0.2.10 eq 20 any range 1024 65535",
                    " permit tcp host 192.0.2.10 eq 989 any range 1024 65535",
                    " remark answers to connections of the other direction", " permit tcp host 192.0.2.10 any established"));
}

TEST(rule_formats_test, writes_rules_of_platforms) {
    EXPECT_THAT(rule_lines(client(), firewall_format::aws),
                Contains("aws ec2 authorize-security-group-egress --group-id \"$GROUP\" --ip-permissions "
                         R"('[{"IpProtocol":"tcp","FromPort":21,"ToPort":21,"IpRanges":[{"CidrIp":"203.0.113.7/32",)"
                         R"("Description":"FTP control connections"}]}]')"));
    const auto kubernetes = rule_lines(server(), firewall_format::kubernetes);
    EXPECT_THAT(kubernetes, Contains("        - {protocol: TCP, port: 30000, endPort: 30099}"));
    // A policy for outgoing connections would keep the pods from looking up names.
    EXPECT_THAT(kubernetes, Contains("        - {protocol: UDP, port: 53}"));
    EXPECT_THAT(rule_lines(client(), firewall_format::kubernetes), Contains("        - {protocol: UDP, port: 53}"));
    // A service has no ranges: symptom 36.
    EXPECT_THAT(kubernetes, Contains("    - {name: ftp-30099, protocol: TCP, port: 30099, targetPort: 30099}"));
    EXPECT_THAT(rule_lines(server(), firewall_format::docker),
                ElementsAre("services:", "  sallyport:", "    image: sallyport", "    ports:", "      - \"21:21/tcp\"",
                            "      - \"990:990/tcp\"", "      - \"30000-30099:30000-30099/tcp\"", HasSubstr("# Docker")));
}

TEST(rule_formats_test, says_which_rules_no_program_has_checked) {
    for (const auto& row : rule_formats()) {
        const auto text = rules_text(server(), row.format);
        EXPECT_EQ(text.find("Not machine-checked") == std::string::npos, !row.checked_by.empty()) << row.name;
        EXPECT_THAT(text, HasSubstr("with TLS none can")) << row.name;
        EXPECT_THAT(rules_text(client(), row.format), Not(HasSubstr("fixed"))) << row.name;
        EXPECT_EQ(&rule_formats()[static_cast<std::size_t>(row.format)], &row);
    }
}

TEST(rule_formats_test, needs_nothing_for_nothing) {
    for (const auto& row : rule_formats()) {
        // An access list has a line for answers at least.
        if (row.format == firewall_format::cisco_ios) continue;
        EXPECT_THAT(rule_lines({}, row.format), IsEmpty()) << row.name;
    }
}

TEST(port_sets_test, merges_ports) {
    EXPECT_THAT(merged({{30, 31}, {21, 21}, {32, 32}, {22, 22}, {21, 21}}),
                ElementsAre(port_range{21, 22}, port_range{30, 32}));
    EXPECT_EQ(ports_text({{21, 21}, {30, 32}}, ", ", ":"), "21, 30:32");
    EXPECT_THAT(merged({{65535, 65535}, {1, 65535}}), ElementsAre(port_range{1, 65535}));
}

TEST(port_sets_test, finds_other_and_common_ports) {
    EXPECT_THAT(all_but({}), ElementsAre(port_range{1, 65535}));
    EXPECT_THAT(all_but({{30, 40}, {0, 1}, {35, 50}, {65535, 65535}}),
                ElementsAre(port_range{2, 29}, port_range{51, 65534}));
    EXPECT_THAT(all_but({{0, 65535}}), IsEmpty());
    EXPECT_THAT(common({{30, 40}, {1, 2}}, {{2, 30}, {50, 60}}), ElementsAre(port_range{30, 30}, port_range{2, 2}));
}

}  // namespace
}  // namespace sallyport::firewall
