#include <sallyport/reach/mapping_report.hpp>

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sallyport/base/ports.hpp>

namespace sallyport::reach {
namespace {

[[nodiscard]] bool continues(const mapping& before, const mapping& next) {
    return before.external && next.external && next.local_port == before.local_port + 1 &&
           next.external->address == before.external->address && next.external->port == before.external->port + 1;
}

/// "21, 30000-30007".
[[nodiscard]] std::string ports_text(std::span<const std::uint16_t> ports) {
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < ports.size();) {
        std::size_t end = i + 1;
        while (end < ports.size() && ports[end] == ports[end - 1] + 1) ++end;
        parts.push_back(port_range{ports[i], ports[end - 1]}.text());
        i = end;
    }
    return fmt::format("{}", fmt::join(parts, ", "));
}

/// "admits connections to ports 21, 30000-30007 of 2001:db8::1".
[[nodiscard]] std::string admitted_text(std::span<const mapping> all) {
    std::vector<std::uint16_t> ports;
    ip_address address;
    for (const auto& each : all) {
        if (!each.external) continue;
        ports.push_back(each.local_port);
        address = each.external->address;
    }
    return fmt::format("admits connections to port{} {} of {}", ports.size() == 1 ? "" : "s", ports_text(ports),
                       address.text());
}

/// The line of a router's configuration that permits low ports, where that is the likely cause.
[[nodiscard]] std::string remedy(const std::vector<std::uint16_t>& ports, const mapping_facts& facts) {
    if (facts.own.is_v6()) return "permit this in the router, or open the ports in its firewall by hand";
    const auto low = std::ranges::find_if(ports, [](auto p) { return p < first_unprivileged_port; });
    if (low == ports.end())
        return "permit this in the router, or forward the ports by hand and use --external-ports in place of --map";
    return fmt::format(
        "many routers permit ports from {} on only: permit it (miniupnpd: allow {} {}/32 {}), forward it by hand, or listen "
        "on a higher port",
        first_unprivileged_port, *low, facts.own.text(), *low);
}

/// A router that is silent about all ports has one line of its own.
void add_refusals(std::vector<report_line>& out, const mapping_facts& facts, bool silent) {
    std::map<std::string, std::vector<std::uint16_t>> by_reason;
    for (const auto& each : facts.mappings)
        if (!each.external && !each.error.empty() && !(silent && each.error == no_answer))
            by_reason[each.error].push_back(each.local_port);
    for (const auto& [reason, ports] : by_reason)
        out.push_back({true, fmt::format("Router {} does not {} port{} {}: {}; {}", facts.router.text(),
                                         facts.own.is_v4() ? "forward" : "admit connections to",
                                         ports.size() == 1 ? "" : "s", ports_text(ports), reason, remedy(ports, facts))});
}

}  // namespace

std::string mapped_text(std::span<const mapping> all) {
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < all.size();) {
        std::size_t end = i + 1;
        while (end < all.size() && continues(all[end - 1], all[end])) ++end;
        const auto& first = all[i];
        const auto& last = all[end - 1];
        i = end;
        if (!first.external) continue;
        parts.push_back(fmt::format(
            "{} to port{} {}", first.external->text() + (&first == &last ? "" : fmt::format("-{}", last.external->port)),
            &first == &last ? "" : "s", port_range{first.local_port, last.local_port}.text()));
    }
    return fmt::format("{}", fmt::join(parts, ", "));
}

std::vector<report_line> mapping_lines(const mapping_facts& facts) {
    std::vector<report_line> out;
    const bool has_nat = facts.own.is_v4();
    const auto live = std::ranges::find_if(facts.mappings, [](const mapping& m) { return m.external.has_value(); });
    if (live != facts.mappings.end()) {
        out.push_back(
            {false, fmt::format("Router {} {} ({})", facts.router.text(),
                                has_nat ? "forwards " + mapped_text(facts.mappings) : admitted_text(facts.mappings),
                                display_name(live->by))});
        if (const auto& address = live->external->address; has_nat && !address.is_public())
            out.push_back(
                {true, fmt::format("Router {} has the external address {}, which is not one of the Internet: another "
                                   "router with NAT is before it, and clients on the Internet cannot connect; forward "
                                   "the ports there as well, or use IPv6",
                                   facts.router.text(), address.text())});
    }
    const bool unusable = live == facts.mappings.end() && !facts.unusable.empty();
    add_refusals(out, facts, unusable);
    if (!unusable) return out;
    // Many routers have no such protocol for IPv6, and many have no firewall for it.
    if (!has_nat)
        out.push_back({false, fmt::format("Router {} opens no ports for IPv6 ({}); if its firewall drops connections from "
                                          "the Internet, permit these ports there",
                                          facts.router.text(), fmt::join(facts.unusable, "; "))});
    else
        out.push_back({true, fmt::format("Router {} forwards no ports ({}); enable one of these protocols in the router, or "
                                         "forward the ports by hand; asking again from time to time",
                                         facts.router.text(), fmt::join(facts.unusable, "; "))});
    return out;
}

}  // namespace sallyport::reach
