#include <sallyport/doctor/remedy_rules.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/ports.hpp>
#include <sallyport/diagnosis/rules.hpp>
#include <sallyport/diagnosis/server_rules.hpp>
#include <sallyport/firewall/rule_formats.hpp>

namespace sallyport::doctor {
namespace {

using diagnosis::side;
using firewall::connection_direction;

constexpr port_range unprivileged{first_unprivileged_port, 65535};

/// The connections that a cause stops.
enum class stopped : std::uint8_t { control, passive, active };

struct cause_row {
    std::string_view id;
    stopped what;
};

constexpr auto causes = std::to_array<cause_row>({
    {"control-port-silent", stopped::control},
    {"control-port-unreachable", stopped::control},
    {"data-ports-dropped", stopped::passive},
    {"data-ports-refused", stopped::passive},
    {"data-ports-rejected", stopped::passive},
    {"some-ports-blocked", stopped::passive},
    {"helper-blind", stopped::passive},
    {"active-blocked", stopped::active},
});

/// Of a server's configuration, which has the ports.
constexpr auto causes_on_host = std::to_array<std::string_view>({"own-firewall-blocks", "helper-missing", "helper-useless"});

/// What publishes the passive range. A Service has no ranges.
[[nodiscard]] std::vector<std::string> entries_to_publish(const diagnosis::server_facts& known) {
    const auto& range = known.passive_ports;
    if (known.publisher == diagnosis::port_publisher::compose) return {fmt::format("- \"{0}:{0}/tcp\"", range.text())};
    std::vector<std::string> out;
    for (std::uint32_t port = range.first; port <= range.last; ++port)
        out.push_back(fmt::format("- {{name: passive-{0}, port: {0}, targetPort: {0}, protocol: TCP}}", port));
    return out;
}

}  // namespace

std::optional<firewall::firewall_needs> needs_for(const diagnosis::verdict& v, const diagnosis::facts& known, bool of_server,
                                                  port_range passive_ports) {
    const auto* const row = std::ranges::find(causes, std::string_view(v.id), &cause_row::id);
    if (row == causes.end() || known.server.port == 0 || v.side == side::between) return std::nullopt;
    firewall::firewall_needs out{.of_server = of_server, .encrypted = known.tls_mode != "none"};
    if (of_server)
        out.host = known.server.address;
    else
        out.peer = known.server.address;
    const auto opens = of_server ? connection_direction::incoming : connection_direction::outgoing;
    switch (row->what) {
        case stopped::control:
            out.connections.push_back(
                {opens, "FTP control connections", {{known.server.port, known.server.port}}, {}, {}, false});
            break;
        case stopped::passive:
            if (of_server && passive_ports.first == 0) break;
            out.connections.push_back(
                {opens, "FTP passive data connections", {of_server ? passive_ports : unprivileged}, {}, {}, false});
            break;
        case stopped::active: {
            // From the port below the control port (RFC 959, section 8).
            const auto from = static_cast<std::uint16_t>(known.server.port - 1);
            const auto direction = of_server ? connection_direction::outgoing : connection_direction::incoming;
            out.connections.push_back({direction, "FTP active data connections", {unprivileged}, {{from, from}}, {}, false});
            break;
        }
    }
    return out;
}

std::vector<diagnosis::verdict> diagnose(const diagnosis::facts& known) {
    auto out = diagnosis::judge(known);
    for (auto& v : out) {
        // A router has no chain for output, and its format is not known.
        if (v.side != side::client || (v.hop && v.hop->first != 0)) continue;
        if (const auto needs = needs_for(v, known, false, {}))
            v.rules = firewall::rule_lines(*needs, firewall::firewall_format::nftables);
    }
    return out;
}

std::vector<diagnosis::verdict> diagnose(const diagnosis::server_facts& known) {
    auto out = diagnosis::judge(known);
    for (auto& v : out) {
        if (v.id == "published-ports-missing" || v.id == "published-ports-renumbered") v.rules = entries_to_publish(known);
        if (v.severity != diagnosis::severity::problem || std::ranges::find(causes_on_host, v.id) == causes_on_host.end())
            continue;
        firewall::firewall_needs needs{.encrypted = known.tls.value_or(false)};
        std::vector<port_range> control;
        for (const auto port : known.control_ports) control.push_back({port, port});
        if (v.id == "own-firewall-blocks" && !control.empty())
            needs.connections.push_back({connection_direction::incoming,
                                         "FTP control connections",
                                         firewall::merged(std::move(control)),
                                         {},
                                         {},
                                         false});
        if (known.passive && known.passive_ports.first != 0)
            needs.connections.push_back(
                {connection_direction::incoming, "FTP passive data connections", {known.passive_ports}, {}, {}, false});
        v.rules = firewall::rule_lines(needs, firewall::firewall_format::nftables);
    }
    return out;
}

}  // namespace sallyport::doctor
