#include <sallyport/firewall/interception_rules.hpp>

#include <map>
#include <set>

#include <fmt/format.h>
// Before the kernel's headers, which then leave out what both define.
#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>

#include <sallyport/firewall/conntrack.hpp>
#include <sallyport/firewall/nft_rule.hpp>

namespace sallyport::firewall {
namespace {

namespace part = rule_part;

// After all others, before the packet's route is chosen: firewalld looks up the route back to the source with the packet's
// mark (filter + 10, IPv6_rpfilter), and with ours it would find the local route and drop the packet.
constexpr std::int32_t after_others = 300;
// Before an administrator's forward chains.
constexpr std::int32_t before_forward = -146;

/// The rules that go to the interception's first chain.
void add_entries(rule_chain& to, const interception& i, std::size_t number) {
    for (const auto& name : i.interfaces) {
        for (const auto port : i.all_ports())
            to.rules.push_back(
                {part::interface{name}, part::port{false, port}, part::go_to{fmt::format("arriving_{}", number), true}});
    }
}

/// The rules that go to "passing", and that chain. A related connection has one port, which is not known here, so these
/// connections get the mark only.
void add_passing(rule_chain& base, std::vector<rule_chain>& to, const interception& i, std::size_t number,
                 const part::set_mark& marked) {
    if (i.passed_ports.first == 0) return;
    rule_chain passing{.name = fmt::format("passing_{}", number)};
    for (const auto& name : i.interfaces)
        base.rules.push_back({part::interface{name}, part::port_between{i.passed_ports}, part::go_to{passing.name, true}});
    for (const bool v4 : {true, false})
        passing.rules.push_back({part::new_connection{}, part::pair_in{passing_set(number, v4), v4}, marked});
    to.push_back(std::move(passing));
}

/// The chains of the terms, which end at "take".
void add_terms(std::vector<rule_chain>& to, const interception& i, std::size_t number) {
    const auto take = fmt::format("take_{}", number);
    const auto destination = fmt::format("destination_{}", number);
    const auto& next = i.to.empty() ? take : destination;
    rule_chain arriving{.name = fmt::format("arriving_{}", number)};
    arriving.rules.push_back({part::own_address{}, part::verdict::leave_chain});
    for (const auto& n : i.except) arriving.rules.push_back({part::network{false, n}, part::verdict::leave_chain});
    for (const auto& n : i.from) arriving.rules.push_back({part::network{true, n}, part::go_to{next}});
    if (i.from.empty()) arriving.rules.push_back({part::go_to{next}});
    to.push_back(std::move(arriving));
    if (i.to.empty()) return;
    rule_chain destinations{.name = destination};
    for (const auto& n : i.to) destinations.rules.push_back({part::network{false, n}, part::go_to{take}});
    to.push_back(std::move(destinations));
}

// ---- To the kernel

/// `and`, then `xor`: changes the bits of the mask to those of the value.
void add_mark(nft_rule& r, const part::set_mark& m) {
    const auto load = [&] {
        if (m.of_connection)
            r.load_connection(NFT_CT_MARK);
        else
            r.load_meta(NFT_META_MARK);
    };
    const std::uint32_t kept = ~m.mask;
    if (kept == 0) {
        nftnl_expr_set(r.add("immediate", {{NFTNL_EXPR_IMM_DREG, nft_rule::scratch}}), NFTNL_EXPR_IMM_DATA, &m.value,
                       sizeof m.value);
    } else {
        load();
        r.combine(nft_rule::scratch, &kept, &m.value, sizeof kept);
    }
    if (m.of_connection)
        r.add("ct", {{NFTNL_EXPR_CT_KEY, NFT_CT_MARK}, {NFTNL_EXPR_CT_SREG, nft_rule::scratch}});
    else
        r.add("meta", {{NFTNL_EXPR_META_KEY, NFT_META_MARK}, {NFTNL_EXPR_META_SREG, nft_rule::scratch}});
}

void add_tproxy(nft_rule& r, const part::deliver& d) {
    const auto at = interception_listener(d.v4, d.port);
    const auto port = htons(at.port);
    nftnl_expr_set(r.add("immediate", {{NFTNL_EXPR_IMM_DREG, nft_rule::wide}}), NFTNL_EXPR_IMM_DATA,
                   at.address.bytes().data(), d.v4 ? 4 : 16);
    nftnl_expr_set(r.add("immediate", {{NFTNL_EXPR_IMM_DREG, nft_rule::scratch}}), NFTNL_EXPR_IMM_DATA, &port, sizeof port);
    r.add("tproxy", {{NFTNL_EXPR_TPROXY_FAMILY, d.v4 ? NFPROTO_IPV4 : NFPROTO_IPV6},
                     {NFTNL_EXPR_TPROXY_REG_ADDR, nft_rule::wide},
                     {NFTNL_EXPR_TPROXY_REG_PORT, nft_rule::scratch}});
}

struct kernel_writer {
    nft_rule& r;

    void operator()(const part::interface& p) const { r.from_interface(p.name); }
    void operator()(const part::port& p) const {
        r.tcp();
        r.port(p.of_source, p.number);
    }
    void operator()(const part::port_between& p) const {
        r.tcp();
        r.port_between(p.range.first, p.range.last);
    }
    void operator()(const part::pair_in& p) const {
        r.family(p.v4);
        r.pair_in(p.set, p.v4);
    }
    void operator()(const part::network& p) const {
        r.family(p.value.text().find(':') == std::string::npos);
        r.network(p.of_source, p.value);
    }
    void operator()(const part::family& p) const { r.family(p.v4); }
    void operator()(const part::own_address&) const { r.to_this_machine(); }
    void operator()(const part::new_connection&) const { r.new_connection(); }
    void operator()(const part::connection_request&) const {
        r.tcp();
        r.connection_request();
    }
    void operator()(const part::transparent_socket&) const {
        r.add("socket", {{NFTNL_EXPR_SOCKET_KEY, NFT_SOCKET_TRANSPARENT}, {NFTNL_EXPR_SOCKET_DREG, nft_rule::scratch}});
        r.require(NFT_CMP_EQ, std::uint8_t{1});
    }
    void operator()(const part::expected&) const {
        r.load_connection(NFT_CT_STATUS);
        r.mask(std::uint32_t{IPS_EXPECTED});
        r.require(NFT_CMP_NEQ, std::uint32_t{0});
    }
    void operator()(const part::connection_mark& p) const {
        r.load_connection(NFT_CT_MARK);
        if (~p.mask != 0) r.mask(p.mask);
        r.require(NFT_CMP_EQ, p.value);
    }
    void operator()(const part::set_mark& p) const { add_mark(r, p); }
    void operator()(const part::set_helper&) const { r.assign_helper(control_helper); }
    void operator()(const part::count& p) const { r.count(p.counter); }
    void operator()(const part::deliver& p) const {
        r.tcp();
        add_tproxy(r, p);
    }
    void operator()(const part::go_to& p) const { r.go_to(p.chain, p.returns); }
    void operator()(part::verdict v) const {
        r.decide(v == part::verdict::accept ? NF_ACCEPT
                 : v == part::verdict::drop ? NF_DROP
                                            : static_cast<std::uint32_t>(NFT_RETURN));
    }
};

// ---- To text

[[nodiscard]] std::string hexadecimal(std::uint32_t value) { return fmt::format("0x{:08x}", value); }

struct text_writer {
    std::string operator()(const part::interface& p) const { return fmt::format("iifname \"{}\"", p.name); }
    std::string operator()(const part::port& p) const {
        return fmt::format("tcp {} {}", p.of_source ? "sport" : "dport", p.number);
    }
    std::string operator()(const part::port_between& p) const { return fmt::format("tcp dport {}", p.range.text()); }
    std::string operator()(const part::pair_in& p) const {
        return fmt::format("{0} saddr . {0} daddr @{1}", p.v4 ? "ip" : "ip6", p.set);
    }
    std::string operator()(const part::network& p) const {
        const auto network = p.value.text();
        return fmt::format("{} {} {}", network.find(':') == std::string::npos ? "ip" : "ip6",
                           p.of_source ? "saddr" : "daddr", network);
    }
    std::string operator()(const part::family& p) const { return p.v4 ? "meta nfproto ipv4" : "meta nfproto ipv6"; }
    std::string operator()(const part::own_address&) const { return "fib daddr type local"; }
    std::string operator()(const part::new_connection&) const { return "ct state new"; }
    std::string operator()(const part::connection_request&) const { return "tcp flags & (fin|syn|rst|ack) == syn"; }
    std::string operator()(const part::transparent_socket&) const { return "socket transparent 1"; }
    std::string operator()(const part::expected&) const { return "ct status expected"; }
    std::string operator()(const part::connection_mark& p) const {
        if (~p.mask == 0) return "ct mark " + hexadecimal(p.value);
        return fmt::format("ct mark & {} == {}", hexadecimal(p.mask), hexadecimal(p.value));
    }
    std::string operator()(const part::set_mark& p) const {
        const auto* subject = p.of_connection ? "ct mark" : "meta mark";
        if (~p.mask == 0) return fmt::format("{} set {}", subject, hexadecimal(p.value));
        return fmt::format("{} set {} & {} | {}", subject, subject, hexadecimal(~p.mask), hexadecimal(p.value));
    }
    std::string operator()(const part::set_helper&) const { return fmt::format("ct helper set \"{}\"", control_helper); }
    std::string operator()(const part::count& p) const { return fmt::format("counter name \"{}\"", p.counter); }
    std::string operator()(const part::deliver& p) const {
        return fmt::format("meta l4proto tcp tproxy {} to {}", p.v4 ? "ip" : "ip6",
                           interception_listener(p.v4, p.port).text());
    }
    std::string operator()(const part::go_to& p) const { return (p.returns ? "jump " : "goto ") + p.chain; }
    std::string operator()(part::verdict v) const {
        return v == part::verdict::accept ? "accept" : v == part::verdict::drop ? "drop" : "return";
    }
};

template <class Part, class Function>
void for_each_part(const std::vector<rule_chain>& chains, Function on_part) {
    for (const auto& c : chains) {
        for (const auto& rule : c.rules) {
            for (const auto& p : rule) {
                if (const auto* wanted = std::get_if<Part>(&p)) on_part(*wanted);
            }
        }
    }
}

[[nodiscard]] bool uses_helper(const std::vector<rule_chain>& chains) {
    bool out = false;
    for_each_part<part::set_helper>(chains, [&out](const part::set_helper&) { out = true; });
    return out;
}

[[nodiscard]] std::set<std::string> counters_of(const std::vector<rule_chain>& chains) {
    std::set<std::string> out;
    for_each_part<part::count>(chains, [&out](const part::count& p) { out.emplace(p.counter); });
    return out;
}

/// The sets by name, with their family.
[[nodiscard]] std::map<std::string, bool> sets_of(const std::vector<rule_chain>& chains) {
    std::map<std::string, bool> out;
    for_each_part<part::pair_in>(chains, [&out](const part::pair_in& p) { out.emplace(p.set, p.v4); });
    return out;
}

[[nodiscard]] std::string_view name_of_hook(std::uint32_t number) {
    switch (number) {
        case NF_INET_FORWARD: return "forward";
        case NF_INET_LOCAL_IN: return "input";
        case NF_INET_LOCAL_OUT: return "output";
        default: return "prerouting";
    }
}

}  // namespace

std::string passing_set(std::size_t interception, bool v4) { return fmt::format("passing{}_{}", v4 ? 4 : 6, interception); }

std::vector<rule_chain> interception_chains(const interception_settings& s) {
    const part::set_mark marked{false, s.mark.value, s.mark.mask};
    const part::set_mark connection_marked{true, s.mark.of_connection(), s.mark.mask};
    rule_chain base{.name = "intercept", .hook = rule_chain::hook_place{NF_INET_PRE_ROUTING, before_helpers}};
    rule_chain deliver{.name = "deliver", .hook = rule_chain::hook_place{NF_INET_PRE_ROUTING, after_others}};
    rule_chain session{.name = "session",
                       .rules = {{part::new_connection{}, connection_marked, part::set_helper{}}, {part::verdict::accept}}};
    std::set<std::uint16_t> ports;
    for (const auto& i : s.interceptions) ports.merge(i.all_ports());
    for (const auto port : ports) {
        base.rules.push_back({part::port{true, port}, part::transparent_socket{}, part::verdict::accept});
        base.rules.push_back({part::port{false, port}, part::transparent_socket{}, part::go_to{session.name}});
        for (const bool of_source : {true, false})
            deliver.rules.push_back({part::port{of_source, port}, part::transparent_socket{}, marked});
    }
    // Data connections to servers that bear their clients' addresses. Those that cross this machine are expected, and need
    // no search for a socket.
    deliver.rules.push_back({part::expected{}, part::verdict::leave_chain});
    deliver.rules.push_back(
        {part::connection_mark{s.mark.of_connection(), s.mark.mask}, part::transparent_socket{}, marked});
    std::vector<rule_chain> out;
    for (std::size_t n = 0; n < s.interceptions.size(); ++n) {
        const auto& i = s.interceptions[n];
        add_passing(base, out, i, n, connection_marked);
        add_entries(base, i, n);
        add_terms(out, i, n);
        rule_chain take{.name = fmt::format("take_{}", n)};
        take.rules.push_back({part::expected{}, part::verdict::leave_chain});
        take.rules.push_back({part::new_connection{}, part::connection_request{}, connection_marked, part::set_helper{},
                              part::count{taken_requests}});
        for (const bool v4 : {true, false}) {
            const auto port = i.listeners.of(v4);
            if (port == 0) continue;
            take.rules.push_back({part::connection_mark{s.mark.of_connection(), s.mark.mask}, part::family{v4},
                                  part::deliver{v4, port}, part::verdict::accept});
        }
        out.push_back(std::move(take));
    }
    out.push_back(std::move(session));
    out.push_back(std::move(base));
    out.push_back(std::move(deliver));
    out.push_back(
        {.name = "own",
         .hook = rule_chain::hook_place{NF_INET_LOCAL_OUT, before_helpers},
         .rules = {{part::new_connection{}, part::connection_request{}, part::transparent_socket{}, connection_marked}}});
    out.push_back({.name = "admitted",
                   .hook = rule_chain::hook_place{NF_INET_LOCAL_IN, after_others},
                   .rules = {{part::new_connection{}, part::connection_request{},
                              part::connection_mark{s.mark.of_connection(), s.mark.mask}, part::count{admitted_requests}}}});
    return out;
}

std::vector<rule_chain> blocking_chains(const interception_settings& s) {
    rule_chain base{.name = "forward", .hook = rule_chain::hook_place{NF_INET_FORWARD, before_forward}};
    std::vector<rule_chain> out;
    for (std::size_t n = 0; n < s.interceptions.size(); ++n) {
        add_entries(base, s.interceptions[n], n);
        add_terms(out, s.interceptions[n], n);
        out.push_back({.name = fmt::format("take_{}", n),
                       .rules = {{part::expected{}, part::verdict::leave_chain}, {part::verdict::drop}}});
    }
    out.push_back(std::move(base));
    return out;
}

void add_chains(nft_transaction& to, const std::string& table, const std::vector<rule_chain>& chains) {
    if (uses_helper(chains)) add_helper(to, table, control_helper);
    for (const auto& name : counters_of(chains)) add_counter(to, table, name.c_str());
    std::uint32_t id = 0;
    for (const auto& [name, v4] : sets_of(chains)) add_pair_set(to, table, name, v4, ++id);
    for (const auto& c : chains) {
        if (c.hook)
            add_base_chain(to, table, c.name, "filter", c.hook->number, c.hook->priority);
        else
            add_chain(to, table, c.name);
    }
    for (const auto& c : chains) {
        for (const auto& parts : c.rules) {
            nft_rule r(table, c.name);
            for (const auto& p : parts) std::visit(kernel_writer{r}, p);
            r.finish(to);
        }
    }
}

std::string text_of(const std::vector<rule_chain>& chains) {
    std::string out;
    if (uses_helper(chains))
        out += fmt::format("    ct helper {0} {{\n        type \"{0}\" protocol tcp\n    }}\n", control_helper);
    for (const auto& name : counters_of(chains)) out += fmt::format("    counter {} {{\n    }}\n", name);
    for (const auto& [name, v4] : sets_of(chains))
        out += fmt::format("    set {0} {{\n        type {1} . {1}\n    }}\n", name, v4 ? "ipv4_addr" : "ipv6_addr");
    for (const auto& c : chains) {
        out += fmt::format("    chain {} {{\n", c.name);
        if (c.hook)
            out += fmt::format("        type filter hook {} priority {}; policy accept;\n", name_of_hook(c.hook->number),
                               c.hook->priority);
        for (const auto& parts : c.rules) {
            out += "       ";
            for (const auto& p : parts) out += ' ' + std::visit(text_writer{}, p);
            out += '\n';
        }
        out += "    }\n";
    }
    return out;
}

}  // namespace sallyport::firewall
