#include <sallyport/firewall/device_rules.hpp>

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

namespace sallyport::firewall {
namespace {

/// The two ends of connections of one direction.
struct connection_ends {
    const std::optional<ip_address>& source;
    const std::optional<ip_address>& destination;
};

[[nodiscard]] connection_ends ends_of(const firewall_needs& needs, const allowed_connections& c) {
    if (c.is_incoming()) return {needs.peer, needs.host};
    return {needs.host, needs.peer};
}

/// The families that the addresses leave.
[[nodiscard]] bool has_family(const firewall_needs& needs, bool v4) {
    return needs.has_family(v4) && (!needs.host || needs.host->is_v4() == v4);
}

[[nodiscard]] std::string pf_ports(const std::vector<port_range>& ports) {
    if (ports.empty()) return {};
    const auto text = ports_text(ports, ", ", ":");
    return ports.size() == 1 ? " port " + text : " port { " + text + " }";
}

[[nodiscard]] std::string pf_end(const std::optional<ip_address>& address, bool is_host) {
    if (address) return address->text();
    return is_host ? "(self)" : "any";
}

[[nodiscard]] std::string powershell_ports(const std::vector<port_range>& ports) {
    return '"' + ports_text(ports, "\",\"", "-") + '"';
}

[[nodiscard]] std::string cisco_end(const std::optional<ip_address>& address) {
    return address ? "host " + address->text() : "any";
}

[[nodiscard]] std::string cisco_port(const port_range& range) {
    if (range == port_range{}) return {};
    return range.first == range.last ? fmt::format(" eq {}", range.first)
                                     : fmt::format(" range {} {}", range.first, range.last);
}

/// The access list of one direction and family. Access lists keep no state: the answers to the connections of the other
/// direction need a line as well.
[[nodiscard]] std::vector<std::string> access_list(const firewall_needs& needs, connection_direction direction, bool v4) {
    const bool in = direction == connection_direction::incoming;
    const auto ends = ends_of(needs, {.direction = direction});
    std::vector<std::string> out{fmt::format("{} FTP-{}{}", v4 ? "ip access-list extended" : "ipv6 access-list",
                                             in ? "TO-HOST" : "FROM-HOST", v4 ? "" : "-V6")};
    const std::vector<port_range> any{port_range{}};
    for (const auto& c : needs.connections) {
        if (c.direction != direction) continue;
        out.push_back(" remark " + c.purpose);
        for (const auto& from : c.from.empty() ? any : c.from)
            for (const auto& to : c.to)
                out.push_back(fmt::format(" permit tcp {}{} {}{}", cisco_end(ends.source), cisco_port(from),
                                          cisco_end(ends.destination), cisco_port(to)));
    }
    out.emplace_back(" remark answers to connections of the other direction");
    out.push_back(fmt::format(" permit tcp {} {} established", cisco_end(ends.source), cisco_end(ends.destination)));
    return out;
}

}  // namespace

std::vector<std::string> pf_lines(const firewall_needs& needs) {
    std::vector<std::string> out;
    for (const auto& c : needs.connections) {
        const bool in = c.is_incoming();
        const auto ends = ends_of(needs, c);
        const bool both = has_family(needs, true) && has_family(needs, false);
        out.push_back("# " + c.purpose);
        out.push_back(fmt::format("pass {} quick {}proto tcp from {}{} to {}{} flags S/SA keep state", in ? "in" : "out",
                                  both ? "" : (has_family(needs, true) ? "inet " : "inet6 "), pf_end(ends.source, !in),
                                  pf_ports(c.from), pf_end(ends.destination, in), pf_ports(c.to)));
    }
    return out;
}

std::vector<std::string> windows_lines(const firewall_needs& needs) {
    std::vector<std::string> out;
    for (const auto& c : needs.connections) {
        const bool in = c.is_incoming();
        auto line = fmt::format("New-NetFirewallRule -DisplayName \"{}\" -Direction {} -Protocol TCP", c.purpose,
                                in ? "Inbound" : "Outbound");
        const auto add = [&](std::string_view end, const std::vector<port_range>& ports) {
            if (!ports.empty()) line += fmt::format(" -{}Port {}", end, powershell_ports(ports));
        };
        add("Local", in ? c.to : c.from);
        add("Remote", in ? c.from : c.to);
        if (needs.peer) line += fmt::format(" -RemoteAddress {}", needs.peer->text());
        out.push_back(line + " -Action Allow");
    }
    return out;
}

std::vector<std::string> mikrotik_lines(const firewall_needs& needs) {
    std::vector<std::string> out;
    for (const bool v4 : {true, false}) {
        if (!has_family(needs, v4)) continue;
        for (const auto& c : needs.connections) {
            const auto ends = ends_of(needs, c);
            auto line = fmt::format("/{} firewall filter add chain=forward action=accept protocol=tcp", v4 ? "ip" : "ipv6");
            if (ends.source) line += " src-address=" + ends.source->text();
            if (ends.destination) line += " dst-address=" + ends.destination->text();
            if (!c.from.empty()) line += " src-port=" + ports_text(c.from, ",", "-");
            out.push_back(line + fmt::format(" dst-port={} comment=\"{}\"", ports_text(c.to, ",", "-"), c.purpose));
        }
    }
    return out;
}

std::vector<std::string> cisco_lines(const firewall_needs& needs) {
    std::vector<std::string> out;
    for (const bool v4 : {true, false}) {
        if (!has_family(needs, v4)) continue;
        for (const auto direction : {connection_direction::incoming, connection_direction::outgoing})
            for (auto& line : access_list(needs, direction, v4)) out.push_back(std::move(line));
    }
    return out;
}

}  // namespace sallyport::firewall
