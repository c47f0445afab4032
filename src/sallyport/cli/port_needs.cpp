#include <sallyport/cli/port_needs.hpp>

#include <utility>
#include <vector>

#include <sallyport/base/ports.hpp>

namespace sallyport::cli {
namespace {

using firewall::allowed_connections;
using firewall::connection_direction;

constexpr port_range unprivileged{first_unprivileged_port, 65535};

std::vector<port_range> control_ports(const report_input& s) {
    std::vector<port_range> out;
    for (const auto* list : {&s.listen, &s.listen_tls})
        for (const auto& e : *list) out.push_back({e.port, e.port});
    return firewall::merged(std::move(out));
}

/// The passive ports of this host, without the control ports.
std::vector<port_range> passive_ports(const report_input& s, const machine_facts& m) {
    std::vector<port_range> out = s.passthrough_ports;
    if (s.passive) {
        const auto& data = s.data_connections;
        if (data.single.port != 0) out.push_back({data.single.port, data.single.port});
        if (data.ports.range.first != 0) out.push_back(data.ports.range);
        if (uses_any_port(s)) out.push_back(m.ephemeral.first == 0 ? unprivileged : m.ephemeral);
    }
    return firewall::merged(std::move(out));
}

std::vector<port_range> as_external(const report_input& s, const std::vector<port_range>& local) {
    const auto& external = s.data_connections.ports.external;
    if (external.empty()) return local;
    std::vector<port_range> out;
    for (const auto& range : local) {
        for (std::uint32_t port = range.first; port <= range.last; ++port) {
            const auto outside = external.of(static_cast<std::uint16_t>(port));
            out.push_back({outside, outside});
        }
    }
    return firewall::merged(std::move(out));
}

/// From port N-1 for the control port N (RFC 959, section 8).
std::vector<port_range> active_ports(const std::vector<port_range>& control) {
    std::vector<port_range> out;
    for (const auto& range : control) {
        const auto before = [](std::uint16_t port) { return static_cast<std::uint16_t>(port > 1 ? port - 1 : port); };
        out.push_back({before(range.first), before(range.last)});
    }
    return firewall::merged(std::move(out));
}

void add(firewall::firewall_needs& to, allowed_connections more) {
    if (!more.to.empty()) to.connections.push_back(std::move(more));
}

constexpr auto control_purpose = "FTP control connections";
constexpr auto passive_purpose = "FTP passive data connections";
constexpr auto active_purpose = "FTP active data connections";

bool is_encrypted(const report_input& s) {
    return !s.certificates.empty() || !s.unreadable.empty() || !s.listen_tls.empty() || s.tls_passthrough;
}

bool listens_for(const report_input& s, bool v4) {
    for (const auto* list : {&s.listen, &s.listen_tls})
        for (const auto& e : *list)
            // [::] accepts both families.
            if (e.address.is_v4() == v4 || (!e.address.is_v4() && e.address.is_unspecified())) return true;
    return false;
}

}  // namespace

bool uses_any_port(const report_input& s) {
    return s.passive && s.data_connections.ports.range.first == 0 && !s.data_connections.single.is_enabled();
}

firewall::firewall_needs server_needs(const report_input& s, const machine_facts& m) {
    using enum connection_direction;
    firewall::firewall_needs out{.v4 = listens_for(s, true), .v6 = listens_for(s, false), .encrypted = is_encrypted(s)};
    const auto control = control_ports(s);
    if (control.empty()) return out;
    add(out, {.direction = incoming, .purpose = control_purpose, .to = control});
    add(out, {.direction = incoming, .purpose = passive_purpose, .to = passive_ports(s, m)});
    if (s.active)
        add(out, {.direction = outgoing, .purpose = active_purpose, .to = {unprivileged}, .from = active_ports(control)});
    if (s.backend_ports.empty()) return out;
    add(out,
        {.direction = outgoing, .purpose = "FTP control connections to backends", .to = firewall::merged(s.backend_ports)});
    add(out, {.direction = outgoing, .purpose = "FTP data connections to backends", .to = {unprivileged}});
    return out;
}

firewall::firewall_needs client_needs(const report_input& s, const machine_facts& m, bool active) {
    using enum connection_direction;
    firewall::firewall_needs out{.of_server = false, .encrypted = is_encrypted(s)};
    const auto control = control_ports(s);
    if (control.empty()) return out;
    add(out, {.direction = outgoing, .purpose = control_purpose, .to = control});
    add(out, {.direction = outgoing, .purpose = passive_purpose, .to = as_external(s, passive_ports(s, m))});
    if (active && s.active)
        add(out, {.direction = incoming, .purpose = active_purpose, .to = {unprivileged}, .from = active_ports(control)});
    return out;
}

}  // namespace sallyport::cli
