#include <sallyport/firewall/filter_walk.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sallyport/firewall/filter_listing.hpp>

namespace sallyport::firewall {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;

/// As `nft -j list ruleset` prints: established and invalid connections, 21 from anywhere, 30000-30009 for one network, the
/// ports 40000-40010 from a set, one in a map, "extra" by jump from two interfaces.
constexpr auto ruleset = R"({"nftables": [
{"metainfo": {"version": "1.0.6", "json_schema_version": 1}},
{"table": {"family": "inet", "name": "filter", "handle": 1}},
{"set": {"family": "inet", "name": "ports", "table": "filter", "type": "inet_service", "elem": [23, {"range": [40000, 40010]}]}},
{"chain": {"family": "inet", "table": "filter", "name": "input", "handle": 1, "type": "filter", "hook": "input", "prio": 0, "policy": "drop"}},
{"chain": {"family": "inet", "table": "filter", "name": "extra", "handle": 2}},
{"rule": {"family": "inet", "table": "filter", "chain": "input", "expr": [{"vmap": {"key": {"ct": {"key": "state"}}, "data": {"set": [["invalid", {"drop": null}], ["established", {"accept": null}], ["related", {"accept": null}]]}}}]}},
{"rule": {"family": "inet", "table": "filter", "chain": "input", "expr": [{"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": "new"}}, {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 21}}, {"accept": null}]}},
{"rule": {"family": "inet", "table": "filter", "chain": "input", "expr": [{"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "lo"}}, {"accept": null}]}},
{"rule": {"family": "inet", "table": "filter", "chain": "input", "expr": [{"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": {"set": ["eth0", "lan0"]}}}, {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 2121}}, {"jump": {"target": "extra"}}]}},
{"rule": {"family": "inet", "table": "filter", "chain": "input", "expr": [{"match": {"op": "!=", "left": {"&": [{"payload": {"protocol": "tcp", "field": "flags"}}, ["fin", "syn", "rst", "ack"]]}, "right": "syn"}}, {"drop": null}]}},
{"rule": {"family": "inet", "table": "filter", "chain": "input", "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": {"prefix": {"addr": "10.0.0.0", "len": 8}}}}, {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": {"set": [{"range": [30000, 30009]}]}}}, {"counter": {"packets": 0, "bytes": 0}}, {"accept": null}]}},
{"rule": {"family": "inet", "table": "filter", "chain": "input", "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": "@ports"}}, {"limit": {"rate": 10, "burst": 5, "per": "second"}}, {"accept": null}]}},
{"rule": {"family": "inet", "table": "filter", "chain": "input", "expr": [{"vmap": {"key": {"payload": {"protocol": "tcp", "field": "dport"}}, "data": {"set": [[50001, {"accept": null}], [50002, {"jump": {"target": "extra"}}]]}}}]}},
{"rule": {"family": "inet", "table": "filter", "chain": "input", "expr": [{"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": {"set": ["icmp", "ipv6-icmp"]}}}, {"accept": null}]}},
{"rule": {"family": "inet", "table": "filter", "chain": "input", "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 60000}}, {"reject": {"type": "tcp reset"}}]}},
{"rule": {"family": "inet", "table": "filter", "chain": "extra", "expr": [{"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["invalid", "untracked"]}}, {"drop": null}]}},
{"rule": {"family": "inet", "table": "filter", "chain": "extra", "expr": [{"match": {"op": "==", "left": {"meta": {"key": "nfproto"}}, "right": "ipv6"}}, {"return": null}]}},
{"rule": {"family": "inet", "table": "filter", "chain": "extra", "expr": [{"match": {"op": "==", "left": {"fib": {"result": "type", "flags": ["daddr"]}}, "right": "local"}}, {"accept": null}]}}
]})";

packet_filter nft() { return read_nft_listing(ruleset).value(); }

auto decides(filter_outcome outcome, bool depends) {
    return testing::AllOf(Field(&filter_decision::outcome, outcome), Field(&filter_decision::depends, depends));
}

constexpr auto accepted = filter_outcome::accepted;
constexpr auto dropped = filter_outcome::dropped;

// D4: the host's own firewall, walked for a new connection.
TEST(filter_walk_test, walks_rules_of_nftables) {
    const auto filter = nft();
    EXPECT_TRUE(filter.accepts_related);
    EXPECT_THAT(walk(filter, true, 21), decides(accepted, false));
    EXPECT_THAT(walk(filter, false, 40005), decides(accepted, false));
    EXPECT_THAT(walk(filter, true, 50001), decides(accepted, false));
    EXPECT_THAT(walk(filter, true, 50002), decides(accepted, false));
    EXPECT_THAT(walk(filter, false, 50002), decides(dropped, false));
    EXPECT_THAT(walk(filter, true, 22), decides(dropped, false));
    EXPECT_EQ(walk(filter, true, 22).place, "table inet filter, chain input");
    EXPECT_EQ(walk(filter, true, 22).rule, "policy drop");
    EXPECT_EQ(walk(filter, true, 60000).outcome, filter_outcome::rejected);
    // Some clients, or some interfaces.
    EXPECT_THAT(walk(filter, true, 30000), decides(dropped, true));
    EXPECT_THAT(walk(filter, false, 30000), decides(dropped, false));
    EXPECT_THAT(walk(filter, true, 2121), decides(dropped, true));
}

// The evidence of the doctor has the rule as the administrator has written it.
TEST(filter_walk_test, texts_of_rules_are_those_of_nft) {
    constexpr auto json = R"({"nftables": [
        {"chain": {"family": "inet", "table": "own", "name": "input", "type": "filter", "hook": "input", "prio": 0, "policy": "accept"}},
        {"rule": {"family": "inet", "table": "own", "chain": "input", "handle": 3, "expr": [
            {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 30000}}, {"drop": null}]}}]})";
    constexpr auto listing =
        "table inet other { # handle 1\n\tchain input { # handle 3\n\t\taccept # handle 3\n\t}\n}\n"
        "table inet own { # handle 2\n\tchain input { # handle 1\n\t\ttcp dport 30000 drop # handle 3\n\t}\n}\n";
    EXPECT_EQ(walk(read_nft_listing(json, listing).value(), true, 30000).rule, "tcp dport 30000 drop");
    EXPECT_EQ(walk(read_nft_listing(json).value(), true, 30000).rule, "the rule with handle 3");
}

TEST(filter_walk_test, joins_ports_with_one_decision) {
    EXPECT_THAT(find_blocked(nft(), true, {39990, 40020}),
                ElementsAre(Field(&blocked_ports::ports, port_range{39990, 39999}),
                            Field(&blocked_ports::ports, port_range{40011, 40020})));
    EXPECT_THAT(find_blocked(nft(), true, {40000, 40010}), IsEmpty());
    EXPECT_THAT(find_blocked({}, true, {1, 65535}), IsEmpty());
}

TEST(filter_walk_test, two_conditions_on_ports_leave_what_both_allow) {
    const auto filter = read_nft_listing(R"({"nftables": [
{"chain": {"family": "inet", "table": "filter", "name": "input", "type": "filter", "hook": "input", "prio": 0, "policy": "drop"}},
{"rule": {"family": "inet", "table": "filter", "chain": "input", "expr": [
{"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": {"range": [30000, 30099]}}},
{"match": {"op": "!=", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 30050}}, {"accept": null}]}},
{"rule": {"family": "inet", "table": "filter", "chain": "input", "expr": [
{"match": {"op": "!=", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 40050}},
{"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": {"range": [40000, 40099]}}}, {"accept": null}]}}
]})")
                            .value();
    const auto blocked = [&](const port_range& of) {
        std::vector<port_range> out;
        for (const auto& each : find_blocked(filter, true, of)) out.push_back(each.ports);
        return out;
    };
    EXPECT_THAT(blocked({29999, 30100}),
                ElementsAre(port_range{29999, 29999}, port_range{30050, 30050}, port_range{30100, 30100}));
    EXPECT_THAT(blocked({39999, 40100}),
                ElementsAre(port_range{39999, 39999}, port_range{40050, 40050}, port_range{40100, 40100}));
    EXPECT_THAT(blocked({65535, 65535}), ElementsAre(port_range{65535, 65535}));
}

TEST(filter_walk_test, every_base_chain_must_accept) {
    auto filter = nft();
    filter.add(
        read_iptables_listing("*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport 21 -j DROP\nCOMMIT\n", true));
    EXPECT_THAT(walk(filter, true, 21), decides(dropped, false));
    EXPECT_THAT(walk(filter, false, 21), decides(accepted, false));
    EXPECT_EQ(walk(filter, true, 21).rule, "-A INPUT -p tcp -m tcp --dport 21 -j DROP");
}

constexpr auto saved = R"(# Generated by iptables-nft-save v1.8.9
*raw
:PREROUTING ACCEPT [0:0]
-A PREROUTING -p tcp -m tcp --dport 7 -j DROP
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:user-input - [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -m conntrack --ctstate INVALID -j DROP
-A INPUT -p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -m conntrack --ctstate NEW -j DROP
-A INPUT -p tcp -m multiport --dports 21,30000:30009 -m comment --comment "FTP \"all\" -j DROP" -j ACCEPT
-A INPUT -s 10.0.0.0/8 -p tcp -m tcp --dport 22 -j ACCEPT
-A INPUT -p udp -m udp --dport 40000 -j ACCEPT
-A INPUT -j user-input
-A INPUT -p tcp -m tcp ! --dport 50000 -j REJECT --reject-with tcp-reset
-A FORWARD -j DROP
-A user-input -m addrtype --dst-type LOCAL -j RETURN
-A user-input -j ACCEPT
COMMIT
)";

TEST(filter_walk_test, walks_rules_of_iptables) {
    const auto filter = read_iptables_listing(saved, true);
    EXPECT_TRUE(filter.accepts_related);
    EXPECT_THAT(walk(filter, true, 21), decides(accepted, false));
    EXPECT_THAT(walk(filter, true, 30009), decides(accepted, false));
    EXPECT_EQ(walk(filter, true, 30010).outcome, filter_outcome::rejected);
    EXPECT_THAT(walk(filter, true, 7), decides(dropped, false));
    EXPECT_EQ(walk(filter, true, 7).place, "iptables raw, chain PREROUTING");
    EXPECT_TRUE(walk(filter, true, 22).depends);
    EXPECT_EQ(walk(filter, true, 50000).rule, "policy drop");
    // Not a listing of IPv6.
    EXPECT_THAT(walk(filter, false, 50000), decides(accepted, false));
}

/// The rules of one base chain that accepts by its policy.
packet_filter nft_rules(const std::string& rules, bool drops_by_policy = false) {
    std::string text =
        R"({"nftables": [{"chain": {"family": "inet", "table": "t", "name": "c", "type": "filter", "hook": "input", "prio": 0, "policy": ")";
    text += drops_by_policy ? "drop" : "accept";
    return read_nft_listing(text + R"("}}, {"rule": {"family": "inet", "table": "t", "chain": "c", "expr": [)" + rules +
                            "]}}]}")
        .value();
}

/// A match of a header's field, and what follows it.
std::string on_field(const char* op, const char* protocol, const char* field, const char* value, const char* then) {
    return std::string(R"({"match": {"op": ")") + op + R"(", "left": {"payload": {"protocol": ")" + protocol +
           R"(", "field": ")" + field + R"("}}, "right": )" + value + "}}, " + then;
}

constexpr auto drop = R"({"drop": null})";

// The limits of `add @m { ip saddr limit rate over 10/minute } drop`, and of a meter.
TEST(filter_walk_test, a_limit_for_each_client_is_no_unconditional_rule) {
    const auto add = [](const char* limits) {
        return std::string(
                   R"({"set": {"op": "add", "elem": {"payload": {"protocol": "ip", "field": "saddr"}}, "set": "@m")") +
               limits + "}}, ";
    };
    constexpr auto over = R"(, "stmt": [{"limit": {"rate": 10, "per": "minute", "inv": true}}])";
    EXPECT_THAT(walk(nft_rules(add(over) + drop), true, 21), decides(accepted, false));
    constexpr auto many = R"(, "stmt": {"ct count": {"val": 10, "inv": true}})";
    EXPECT_THAT(walk(nft_rules(add(many) + drop), true, 21), decides(accepted, false));
    constexpr auto within = R"(, "stmt": [{"counter": null}, {"limit": {"rate": 10, "per": "minute"}}])";
    EXPECT_THAT(walk(nft_rules(add(within) + R"({"accept": null})", true), true, 21), decides(dropped, true));
    constexpr auto counted = R"(, "stmt": [{"counter": {"packets": 0, "bytes": 0}}])";
    EXPECT_THAT(walk(nft_rules(add(counted) + drop), true, 21), decides(dropped, false));
    EXPECT_THAT(walk(nft_rules(add("") + drop), true, 21), decides(dropped, false));
    constexpr auto meter =
        R"({"meter": {"key": 1, "name": "m", "stmt": {"limit": {"rate": 10, "per": "second", "inv": true}}}}, )";
    EXPECT_THAT(walk(nft_rules(std::string(meter) + drop), true, 21), decides(accepted, false));
}

TEST(filter_walk_test, a_rule_for_another_transport_matches_no_tcp) {
    for (const auto* op : {"==", "!="}) {
        EXPECT_THAT(walk(nft_rules(on_field(op, "udp", "dport", "53", drop)), true, 21), decides(accepted, false)) << op;
        EXPECT_THAT(walk(nft_rules(on_field(op, "icmp", "type", "\"echo-request\"", drop)), true, 21),
                    decides(accepted, false))
            << op;
        for (const auto* unknown : {"ether", "vlan", "new"}) {
            const auto field = on_field(op, unknown, "saddr", "\"02:00:00:00:00:01\"", drop);
            EXPECT_THAT(walk(nft_rules(field), true, 21), decides(accepted, true)) << op << unknown;
        }
    }
    EXPECT_THAT(walk(nft_rules(on_field("==", "ether", "saddr", "\"02::1\"", R"({"accept": null})"), true), true, 21),
                decides(dropped, true));
    EXPECT_THAT(walk(nft_rules(on_field("!=", "tcp", "dport", "53", drop)), true, 21), decides(dropped, false));
}

TEST(filter_walk_test, a_queue_decides_elsewhere) {
    for (const auto* rule : {R"({"queue": {"num": 0}})", R"({"queue": null})", R"({"synproxy": {"mss": 1460}})"}) {
        EXPECT_THAT(walk(nft_rules(rule), true, 21), decides(accepted, true)) << rule;
        EXPECT_THAT(walk(nft_rules(rule, true), true, 21), decides(dropped, true)) << rule;
    }
    constexpr auto queue = "*filter\n:INPUT DROP [0:0]\n-A INPUT -p tcp -j NFQUEUE --queue-num 0\nCOMMIT\n";
    EXPECT_THAT(walk(read_iptables_listing(queue, true), true, 21), decides(dropped, true));
}

TEST(filter_walk_test, both_variants_of_iptables_are_walked) {
    constexpr auto open = "*filter\n:INPUT ACCEPT [0:0]\n:own - [0:0]\n-A INPUT -j own\n-A own -j ACCEPT\nCOMMIT\n";
    constexpr auto closed =
        "*filter\n:INPUT ACCEPT [0:0]\n:own - [0:0]\n-A INPUT -j own\n-A own -p tcp --dport 21 -j DROP\nCOMMIT\n";
    for (const bool legacy_is_closed : {true, false}) {
        auto filter = read_iptables_listing(legacy_is_closed ? open : closed, true, "-nft");
        filter.add(read_iptables_listing(legacy_is_closed ? closed : open, true, "-legacy"));
        const auto decision = walk(filter, true, 21);
        EXPECT_THAT(decision, decides(dropped, false));
        EXPECT_EQ(decision.place, legacy_is_closed ? "iptables-legacy filter, chain own" : "iptables-nft filter, chain own");
    }
}

TEST(filter_walk_test, leaves_tables_of_iptables_nft_to_the_other_listing) {
    constexpr auto mixed = R"({"nftables": [{"table": {"family": "ip", "name": "filter"}},
{"chain": {"family": "ip", "table": "filter", "name": "INPUT", "type": "filter", "hook": "input", "prio": 0, "policy": "drop"}},
{"rule": {"family": "ip", "table": "filter", "chain": "INPUT", "expr": [{"xt": {"type": "match", "name": "multiport"}}, {"accept": null}]}}]})";
    EXPECT_THAT(read_nft_listing(mixed)->chains, IsEmpty());
}

TEST(filter_walk_test, reads_any_text) {
    EXPECT_FALSE(read_nft_listing(""));
    EXPECT_FALSE(read_nft_listing("[]"));
    EXPECT_THAT(
        read_nft_listing(R"({"nftables":[1,{"rule":3},{"rule":{"expr":[{"match":null},{"vmap":{}}]}},{"chain":{}}]})")
            ->accepts_related,
        false);
    EXPECT_THAT(
        read_iptables_listing("-A\n-A X -j\n:\n*\n-A INPUT -m multiport --dports 1,,2 -j DROP\n", true).chains.size(), 2U);
}

// A chain that jumps to itself ends.
TEST(filter_walk_test, ends_in_a_loop) {
    packet_filter filter;
    filter.chains["a"] = {.is_base = true, .rules = {{.action = filter_action::jump, .target = "a"}}};
    EXPECT_EQ(walk(filter, true, 1).outcome, accepted);
}

}  // namespace
}  // namespace sallyport::firewall
