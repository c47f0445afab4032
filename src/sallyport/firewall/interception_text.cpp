#include <sallyport/firewall/interception_text.hpp>

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include <sallyport/firewall/interception_rules.hpp>
#include <sallyport/firewall/interception_table.hpp>
#include <sallyport/firewall/policy_route.hpp>

namespace sallyport::firewall {
namespace {

[[nodiscard]] std::string joined_ports(const interception& i, std::string_view separator) {
    std::set<std::uint16_t> ports(i.ports.begin(), i.ports.end());
    ports.insert(i.implicit_ports.begin(), i.implicit_ports.end());
    return fmt::format("{}", fmt::join(ports, separator));
}

[[nodiscard]] bool intercepts(const interception_settings& s, bool v4) {
    return std::ranges::any_of(s.interceptions,
                               [v4](const interception& i) { return (v4 ? i.listeners.v4 : i.listeners.v6) != 0; });
}

/// The commands of iptables for the families that are intercepted; both if no listeners are known yet.
[[nodiscard]] std::vector<std::string_view> iptables_commands(const interception_settings& s) {
    const bool v4 = intercepts(s, true);
    const bool v6 = intercepts(s, false);
    if (v4 && !v6) return {"iptables"};
    if (v6 && !v4) return {"ip6tables"};
    return {"iptables", "ip6tables"};
}

void add_input(std::vector<std::string>& to, const interception_settings& s, const interception& i, const std::string& name,
               firewall_format format) {
    const bool pattern = name.ends_with('*');
    switch (format) {
        case firewall_format::nftables:
            to.push_back(fmt::format("iifname \"{}\" tcp dport {{ {} }} accept", name, joined_ports(i, ", ")));
            break;
        case firewall_format::iptables:
            for (const auto command : iptables_commands(s)) {
                const auto ports = joined_ports(i, ",");
                to.push_back(fmt::format("{} -A INPUT -i {}{} -p tcp {} {} -j ACCEPT", command,
                                         name.substr(0, name.size() - (pattern ? 1 : 0)), pattern ? "+" : "",
                                         ports.contains(',') ? "-m multiport --dports" : "--dport", ports));
            }
            break;
        case firewall_format::ufw:
            if (pattern) to.push_back(fmt::format("# ufw has no patterns: once for each interface of {}", name));
            // Its chain ufw-not-local drops IPv4 packets to addresses of other hosts before rules of "ufw allow" are asked.
            to.push_back("# IPv4: in /etc/ufw/before.rules, before the line -A ufw-before-input -j ufw-not-local");
            to.push_back(fmt::format("-A ufw-before-input -i {} -p tcp -m multiport --dports {} -j ACCEPT", name,
                                     joined_ports(i, ",")));
            to.push_back("# IPv6, and to read that file again");
            to.push_back(
                fmt::format("ufw allow in on {} to any port {} proto tcp && ufw reload", name, joined_ports(i, ",")));
            break;
        case firewall_format::firewalld:
            if (pattern) to.push_back(fmt::format("# once for the zone of each interface of {}", name));
            to.push_back(fmt::format("firewall-cmd --permanent --zone=\"$(firewall-cmd --get-zone-of-interface={})\" {}",
                                     name, "--add-port=" + joined_ports(i, "/tcp --add-port=") + "/tcp"));
            break;
    }
}

}  // namespace

interception_text text_of(const interception_settings& s) {
    constexpr auto as_table = "table inet {}NUMBER {{\n{}}}\n";
    interception_text out{
        fmt::format(as_table, "sallyport_", text_of(interception_chains(s))), policy_route::text(s.mark, s.route_table), {}};
    if (s.down == when_down::block) out.blocking = fmt::format(as_table, blocking_table_prefix, text_of(blocking_chains(s)));
    return out;
}

administrator_lines administrator_rules(const interception_settings& s, firewall_format format) {
    administrator_lines out;
    for (const auto& i : s.interceptions) {
        for (const auto& name : i.interfaces) add_input(out.input, s, i, name, format);
    }
    if (format == firewall_format::firewalld) out.input.emplace_back("firewall-cmd --reload");
    const auto value = s.mark.of_connection();
    switch (format) {
        case firewall_format::nftables:
            out.forward_without_related.push_back(fmt::format("ct mark & 0x{:08x} == 0x{:08x} accept", s.mark.mask, value));
            break;
        case firewall_format::iptables:
        case firewall_format::ufw:
            for (const auto command : iptables_commands(s))
                out.forward_without_related.push_back(
                    fmt::format("{} -I FORWARD -m connmark --mark 0x{:x}/0x{:x} -j ACCEPT", command, value, s.mark.mask));
            break;
        // Its own rules always accept related connections.
        case firewall_format::firewalld: break;
    }
    return out;
}

}  // namespace sallyport::firewall
