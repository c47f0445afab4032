#include <sallyport/firewall/interception_text.hpp>

#include <fmt/format.h>

#include <sallyport/firewall/interception_rules.hpp>
#include <sallyport/firewall/interception_table.hpp>
#include <sallyport/firewall/linux_rules.hpp>
#include <sallyport/firewall/nft_rule.hpp>
#include <sallyport/firewall/policy_route.hpp>

namespace sallyport::firewall {
namespace {

/// That the control connections reach the gateway; both families if no listeners are known yet.
[[nodiscard]] firewall_needs needs_of(const interception_settings& s) {
    firewall_needs out{.v4 = s.listens(true), .v6 = s.listens(false)};
    if (out.v4 == out.v6) out.v4 = out.v6 = true;
    for (const auto& i : s.interceptions) {
        std::vector<port_range> ports;
        for (const auto port : i.all_ports()) ports.push_back({port, port});
        for (const auto& name : i.interfaces)
            out.connections.push_back(
                {.purpose = "FTP control connections", .to = merged(ports), .interface = name, .to_other_hosts = true});
    }
    return out;
}

}  // namespace

interception_text text_of(const interception_settings& s) {
    constexpr auto as_table = "table inet {}NUMBER {{\n{}}}\n";
    interception_text out{
        fmt::format(as_table, table_prefix, text_of(interception_chains(s))), policy_route::text(s.mark, s.route_table), {}};
    if (s.down == when_down::block) out.blocking = fmt::format(as_table, blocking_table_prefix, text_of(blocking_chains(s)));
    return out;
}

administrator_lines administrator_rules(const interception_settings& s, firewall_format format) {
    const auto needs = needs_of(s);
    administrator_lines out{rule_lines(needs, format), {}};
    const auto value = s.mark.of_connection();
    switch (format) {
        case firewall_format::nftables:
            out.forward_without_related.push_back(fmt::format("ct mark & 0x{:08x} == 0x{:08x} accept", s.mark.mask, value));
            break;
        case firewall_format::iptables:
        case firewall_format::ufw:
            for (const auto command : iptables_commands(needs))
                out.forward_without_related.push_back(
                    fmt::format("{} -I FORWARD -m connmark --mark 0x{:x}/0x{:x} -j ACCEPT", command, value, s.mark.mask));
            break;
        // The rules of firewalld always accept related connections; no other format is for a router with this gateway.
        default: break;
    }
    return out;
}

}  // namespace sallyport::firewall
