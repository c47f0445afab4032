#include <sallyport/gate/backend_parameters.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <ranges>
#include <vector>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/closest.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/base/ports.hpp>

namespace sallyport::gate {
namespace {

bool read_number(std::string_view value, std::uint64_t min, std::uint64_t max, auto& into) {
    const auto number = parse_decimal(value, max);
    if (!number || *number < min) return false;
    into = static_cast<std::remove_reference_t<decltype(into)>>(*number);
    return true;
}

/// A list of names separated by commas; no name may be empty.
bool read_names(std::string_view value, std::vector<std::string>& into) {
    for (const auto name : std::views::split(value, ',')) into.emplace_back(std::string_view(name));
    return !into.empty() && std::ranges::find(into, "") == into.end();
}

bool read_yes_or_no(std::string_view value, bool& into) {
    into = value == "yes";
    return value == "yes" || value == "no";
}

bool read_weight(std::string_view value, backend& b) {
    return read_number(value, 1, limits::max_backend_weight, b.parameters.weight);
}

bool read_max_sessions(std::string_view value, backend& b) {
    return read_number(value, 0, 1'000'000, b.parameters.max_sessions);
}

bool read_state(std::string_view value, backend& b) {
    for (const auto state : {backend_state::active, backend_state::drain, backend_state::maintenance}) {
        if (value != name(state)) continue;
        b.parameters.state = state;
        return true;
    }
    return false;
}

bool read_priority(std::string_view value, backend& b) { return read_number(value, 0, 65535, b.parameters.priority); }

bool read_users(std::string_view value, backend& b) { return read_names(value, b.parameters.users); }

bool read_hosts(std::string_view value, backend& b) { return read_names(to_lower(value), b.parameters.hosts); }

bool read_resolve(std::string_view value, backend& b) {
    b.discovered_by = value == "srv" ? discovery::service : discovery::addresses;
    return value == "srv" || value == "address";
}

bool read_tls(std::string_view value, backend& b) {
    if (value != "match" || b.tls != backend_tls::none) return false;
    b.tls = backend_tls::match;
    return true;
}

bool read_passthrough(std::string_view value, backend& b) {
    const auto range = port_range::parse(value);
    if (!range || range->first < first_unprivileged_port) return false;
    b.passthrough_range = *range;
    return true;
}

bool read_direct(std::string_view value, backend& b) {
    b.direct.passive = value != "active";
    b.direct.active = value != "passive";
    return value == "passive" || value == "active" || value == "both";
}

bool read_external_address(std::string_view value, backend& b) {
    b.direct.external_address = ip_address::parse(value);
    return b.direct.external_address && b.direct.external_address->is_v4();
}

bool read_proxy_protocol(std::string_view value, backend& b) {
    b.proxy_protocol = value == "v1" ? proto::proxy_version::v1 : proto::proxy_version::v2;
    return value == "v1" || value == "v2";
}

bool read_proxy_protocol_data(std::string_view value, backend& b) { return read_yes_or_no(value, b.proxy_protocol_data); }

constexpr auto table = std::to_array<backend_parameter>({
    {"weight=N", "1", "Share of sessions relative to other backends (1 to 256)", read_weight},
    {"max-sessions=N", "0 (no limit)", "Maximum number of sessions on this backend", read_max_sessions},
    {"state=STATE", "active", "active; drain or maintenance accept no new sessions", read_state},
    {"priority=N", "0", "Used only when no backend with a lower number can take the session", read_priority},
    {"users=NAME,...", "all", "Reserve the backend for these users; '*' is a wildcard", read_users},
    {"hosts=NAME,...", "all", "Reserve it for these host names (HOST command or TLS SNI)", read_hosts},
    {"resolve=address|srv", "one server", "Use every address, or every _ftp._tcp SRV record, as a backend", read_resolve},
    {"tls=match", "off", "With ftp://: use explicit TLS exactly when the client uses TLS", read_tls},
    {"passthrough=A-B", "off", "Pass TLS through unread and forward these ports (from 1024) unchanged", read_passthrough},
    {"direct=passive|active|both", "off", "Let unencrypted data bypass the gateway in these modes", read_direct},
    {"external-address=ADDR", "from its 227 reply", "With direct: the backend's IPv4 address as clients see it",
     read_external_address},
    {"proxy-protocol=v1|v2", "off", "Send a PROXY header with the client's address", read_proxy_protocol},
    {"proxy-protocol-data=yes", "no", "Send it on data connections as well", read_proxy_protocol_data},
});

}  // namespace

std::span<const backend_parameter> backend_parameter_table() noexcept { return table; }

std::string read_backend_parameter(std::string_view text, backend& into) {
    const auto equals = text.find('=');
    const auto key = text.substr(0, equals);
    const auto* const row = std::ranges::find(table, key, &backend_parameter::name);
    if (row == table.end()) {
        std::vector<std::string> names;
        for (const auto& each : table) names.emplace_back(each.name());
        return fmt::format("unknown parameter \"{}\"{}", escape(key, 100),
                           did_you_mean(key, names, "see 'sallyport gate --help' for the list"));
    }
    if (equals != std::string_view::npos && row->read(text.substr(equals + 1), into)) return {};
    return fmt::format("invalid parameter \"{}\"; use {}: {}", escape(text, 100), row->form, row->help);
}

}  // namespace sallyport::gate
