#include <sallyport/firewall/linux_rules.hpp>

#include <fmt/format.h>

namespace sallyport::firewall {
namespace {

// The multiport match and ufw accept so many ports, and a range counts as two.
constexpr std::size_t max_multiport = 15;

[[nodiscard]] std::vector<std::vector<port_range>> in_lists(const std::vector<port_range>& ports) {
    std::vector<std::vector<port_range>> out(1);
    std::size_t used = 0;
    for (const auto& range : ports) {
        const std::size_t more = range.first == range.last ? 1 : 2;
        if (used + more > max_multiport) {
            out.emplace_back();
            used = 0;
        }
        out.back().push_back(range);
        used += more;
    }
    return out;
}

[[nodiscard]] std::string nft_ports(const std::vector<port_range>& ports) {
    auto text = ports_text(ports, ", ", "-");
    return ports.size() == 1 ? text : "{ " + text + " }";
}

/// Without the command: "-p tcp --dport 21".
[[nodiscard]] std::string iptables_match(const allowed_connections& c, const std::vector<port_range>& to,
                                         const std::optional<ip_address>& peer) {
    std::string out;
    if (!c.interface.empty()) {
        const bool pattern = c.interface.ends_with('*');
        out += fmt::format("{} {}{} ", c.is_incoming() ? "-i" : "-o",
                           c.interface.substr(0, c.interface.size() - (pattern ? 1 : 0)), pattern ? "+" : "");
    }
    if (peer) out += fmt::format("{} {} ", c.is_incoming() ? "-s" : "-d", peer->text());
    out += "-p tcp ";
    // The options of tcp first: after "-m multiport" they would be read as options of that match.
    const auto add = [&](const std::vector<port_range>& ports, std::string_view option, bool several) {
        if (ports.empty() || (ports.size() > 1) != several) return;
        out += fmt::format("{}{}{} {} ", several ? "-m multiport " : "", option, several ? "s" : "",
                           ports_text(ports, ",", ":"));
    };
    for (const bool several : {false, true}) {
        add(c.from, "--sport", several);
        add(to, "--dport", several);
    }
    out.pop_back();
    return out;
}

/// --zone for connections of one interface.
[[nodiscard]] std::string firewalld_zone(const allowed_connections& c) {
    if (c.interface.empty()) return {};
    return fmt::format("--zone=\"$(firewall-cmd --get-zone-of-interface={})\" ", c.interface);
}

/// Ports with an address need a rich rule each, which cannot combine both ports of a connection.
void add_rich_rules(std::vector<std::string>& out, const allowed_connections& c, const ip_address& peer) {
    for (const auto& range : c.from.empty() ? c.to : c.from)
        out.push_back(
            fmt::format("firewall-cmd --permanent {}--add-rich-rule='rule family=\"{}\" source address=\"{}\" "
                        "{} port=\"{}\" protocol=\"tcp\" accept'",
                        firewalld_zone(c), peer.is_v4() ? "ipv4" : "ipv6", peer.text(),
                        c.from.empty() ? "port" : "source-port", range.text()));
}

}  // namespace

std::vector<std::string_view> iptables_commands(const firewall_needs& needs) {
    std::vector<std::string_view> out;
    if (needs.has_family(true)) out.emplace_back("iptables");
    if (needs.has_family(false)) out.emplace_back("ip6tables");
    return out;
}

std::vector<std::string> nftables_lines(const firewall_needs& needs) {
    std::vector<std::string> out;
    for (const auto& c : needs.connections) {
        const bool in = c.is_incoming();
        auto line = fmt::format("insert rule inet filter {} ", in ? "input" : "output");
        if (!c.interface.empty()) line += fmt::format("{} \"{}\" ", in ? "iifname" : "oifname", c.interface);
        if (needs.peer)
            line += fmt::format("{} {} {} ", needs.peer->is_v4() ? "ip" : "ip6", in ? "saddr" : "daddr", needs.peer->text());
        else if (needs.v4 != needs.v6)
            line += fmt::format("meta nfproto {} ", needs.v4 ? "ipv4" : "ipv6");
        if (!c.from.empty()) line += fmt::format("tcp sport {} ", nft_ports(c.from));
        out.push_back(line + fmt::format("tcp dport {} accept comment \"{}\"", nft_ports(c.to), c.purpose));
    }
    return out;
}

std::vector<std::string> iptables_lines(const firewall_needs& needs) {
    std::vector<std::string> out;
    for (const auto& c : needs.connections) {
        for (const auto& to : in_lists(c.to)) {
            for (const auto command : iptables_commands(needs))
                out.push_back(fmt::format("{} -I {} {} -m comment --comment \"{}\" -j ACCEPT", command,
                                          c.is_incoming() ? "INPUT" : "OUTPUT", iptables_match(c, to, needs.peer),
                                          c.purpose));
        }
    }
    return out;
}

std::vector<std::string> ufw_lines(const firewall_needs& needs) {
    std::vector<std::string> out;
    const auto peer = needs.peer ? needs.peer->text() : "any";
    for (const auto& c : needs.connections) {
        const bool in = c.is_incoming();
        if (c.interface.ends_with('*'))
            out.push_back(fmt::format(
                "# ufw has no interface patterns: run the next commands for each interface that matches {}", c.interface));
        for (const auto& to : in_lists(c.to)) {
            if (c.to_other_hosts) {
                // Its chain ufw-not-local drops IPv4 packets to addresses of other hosts before rules of "ufw allow" are
                // asked.
                out.emplace_back(
                    "# For IPv4, add this to /etc/ufw/before.rules before the line -A ufw-before-input -j ufw-not-local");
                out.push_back(fmt::format("-A ufw-before-input {} -j ACCEPT", iptables_match(c, to, needs.peer)));
                out.emplace_back("# For IPv6; the reload also applies before.rules");
            }
            out.push_back(fmt::format("ufw allow {}{}proto tcp from {}{} to {} port {} comment '{}'{}", in ? "in " : "out ",
                                      c.interface.empty() ? "" : "on " + c.interface + ' ', in ? peer : "any",
                                      c.from.empty() ? "" : " port " + ports_text(c.from, ",", ":"), in ? "any" : peer,
                                      ports_text(to, ",", ":"), c.purpose, c.to_other_hosts ? " && ufw reload" : ""));
        }
    }
    return out;
}

std::vector<std::string> firewalld_lines(const firewall_needs& needs) {
    std::vector<std::string> out;
    bool outgoing = false;
    for (const auto& c : needs.connections) {
        outgoing = outgoing || !c.is_incoming();
        if (!c.is_incoming()) continue;
        if (c.interface.ends_with('*'))
            out.push_back(fmt::format("# Run the next command for the zone of each interface that matches {}", c.interface));
        if (needs.peer) {
            add_rich_rules(out, c, *needs.peer);
            continue;
        }
        auto line = fmt::format("firewall-cmd --permanent {}", firewalld_zone(c));
        // A zone cannot combine both ports of a connection.
        for (const auto& range : c.from.empty() ? c.to : c.from)
            line += fmt::format("{}{}/tcp ", c.from.empty() ? "--add-port=" : "--add-source-port=", range.text());
        line.pop_back();
        out.push_back(std::move(line));
    }
    if (!out.empty()) out.emplace_back("firewall-cmd --reload");
    if (outgoing)
        out.emplace_back("# Outgoing connections need no rule: without policies of your own, firewalld allows them.");
    return out;
}

}  // namespace sallyport::firewall
