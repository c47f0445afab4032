#include <sallyport/cli/data_connection_options.hpp>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>

#include <sallyport/cli/start_report.hpp>
#include <sallyport/reach/known_ports.hpp>

namespace sallyport::cli {

namespace {

/// The ports for --map without a range. A graceful restart keeps them, as the mappings stay, and as the old process still
/// has its listeners: the helper process starts the new one with the environment that it got here.
port_range choose_ports() {
    constexpr auto variable = "SALLYPORT_MAPPED_PORTS";
    const char* const kept = std::getenv(variable);
    const auto before = kept == nullptr ? std::nullopt : port_range::parse(kept);
    if (before && before->size() == limits::default_mapped_ports) return *before;
    const auto chosen = reach::free_ports(limits::default_mapped_ports).value_or(port_range());
    if (chosen.first != 0) ::setenv(variable, chosen.text().c_str(), 1);
    return chosen;
}

}  // namespace

void data_connection_options::add_to(command_table& table, const std::string& default_ports) {
    table.add("Data connections", {{"--passive-ports", "A-B", cli::ports(passive_ports),
                                    "Port range for passive data connections; open it in the firewall", default_ports},
                                   {"--external-address", "[RULE=]ADDR", texts(external_addresses),
                                    "Address or host name to advertise in PASV replies", "address the client connected to"},
                                   {"--external-ports", "[A-B=]C-D", texts(external_ports),
                                    "Ports to advertise if the router forwards different port numbers", "same as local"},
                                   {"--single-port", "control|PORT", text(single_port),
                                    "Accept all passive data connections on the control port or on PORT", "off"},
                                   {"--use-alg-ports", "", flag(use_alg_ports),
                                    "Also use ports that routers inspect for other protocols (5060, ...)"},
                                   {"--proxy-protocol-from", "NETWORK", texts(proxy_protocol_from),
                                    "Require a PROXY header on connections from this load balancer"},
                                   {"--proxy-protocol-data", "", flag(proxy_protocol_data),
                                    "Require the PROXY header on passive data connections as well"},
                                   {"--allow-missing-close-notify", "all|RULE", texts(allow_missing_close_notify),
                                    "Accept TLS uploads without close_notify, which may be truncated unnoticed"}});
}

void data_connection_options::add_mapping_to(command_table& table) {
    constexpr time_bounds of_lease{.min = std::chrono::seconds(60), .max = std::chrono::hours(24)};
    constexpr auto title = "Port mappings at the router";
    can_map_ = true;
    table.add(title, router.rows("Ask the router to forward ports, by pcp, natpmp and upnp, or those in LIST"));
    table.add(
        title,
        {{"--map-lease", "SECONDS", time(map_lease, of_lease),
          "Lifetime requested for each mapping, which is renewed after half of it"},
         {"--map-max-ports", "N", count(map_max_ports, {.max = 1024}), "Maximum size of a port range that is mapped"},
         {"--stun", "HOST[:PORT]", texts(stun), "Ask this STUN server; two of them, or one and the router, must agree"}});
}

/// Whether --map and the other options fit together.
result<void> data_connection_options::check_mapping(const reach::passive_settings& settings) const {
    if (!settings.mapping.is_enabled()) {
        if (can_map_ && settings.stun.empty() && std::ranges::any_of(settings.addresses, &reach::address_rule::is_automatic))
            return fail(
                errc::usage,
                "--external-address auto is the address that the router or STUN servers report; add --map or --stun");
        return {};
    }
    if (!external_ports.empty())
        return fail(errc::usage, "--external-ports is for ports that are forwarded by hand; remove it, or --map");
    if (settings.ports.range.size() > map_max_ports)
        return fail(
            errc::usage,
            fmt::format("--map: --passive-ports {} are {} ports, and at most {} are mapped; clients of different addresses "
                        "share ports, so eight are enough for most: use a smaller range, or raise --map-max-ports",
                        settings.ports.range.text(), settings.ports.range.size(), map_max_ports));
    return {};
}

result<reach::broker_settings> data_connection_options::ports() const {
    reach::broker_settings out{.use_alg_ports = use_alg_ports};
    if (passive_ports) {
        out.range = *passive_ports;
    } else if (maps_ports() && single_port.empty()) {
        // Ports that the system chooses would need a mapping for each transfer.
        if (!chosen_) chosen_ = choose_ports();
        out.range = *chosen_;
    }
    auto external = reach::external_ports::parse(external_ports, out.range);
    if (!external) return fail(external.error().code, "--external-ports: " + external.error().what);
    out.external = std::move(*external);
    if (const auto why = unusable_range(out.range, read_machine_facts()); !why.empty())
        return fail(errc::usage, fmt::format("--passive-ports {}: {}", out.range.text(), why));
    return out;
}

result<std::vector<reach::client_condition>> data_connection_options::missing_close_notify() const {
    std::vector<reach::client_condition> out;
    for (const auto& text : allow_missing_close_notify) {
        auto rule = text == "all" ? result<reach::client_condition>({}) : reach::client_condition::parse(text);
        if (!rule)
            return fail(rule.error().code,
                        fmt::format("--allow-missing-close-notify {}: {}; or all", text, rule.error().what));
        out.push_back(*rule);
    }
    return out;
}

result<reach::trusted_proxies> data_connection_options::proxies() const {
    if (proxy_protocol_data && proxy_protocol_from.empty())
        return fail(errc::usage, "--proxy-protocol-data requires a load balancer; add --proxy-protocol-from NETWORK");
    reach::trusted_proxies out{.networks = {}, .on_data_connections = proxy_protocol_data};
    for (const auto& text : proxy_protocol_from) {
        const auto network = ip_network::parse(text);
        if (!network) {
            return fail(errc::usage,
                        fmt::format("--proxy-protocol-from {}: invalid network; use an address or a network, for "
                                    "example 10.0.0.5 or 10.0.0.0/8 (no bits set after the prefix)",
                                    text));
        }
        out.networks.push_back(*network);
    }
    return out;
}

std::string data_connection_options::extra_ports_text() const {
    std::string out;
    if (!single_port.empty() && single_port != "control") out += " and " + single_port;
    if (passive_ports) out += " and " + passive_ports->text();
    return out;
}

result<reach::passive_settings> data_connection_options::settings() const {
    reach::passive_settings out;
    auto wanted = ports();
    if (!wanted) return std::unexpected(std::move(wanted.error()));
    out.ports = std::move(*wanted);
    auto trusted = proxies();
    if (!trusted) return std::unexpected(std::move(trusted.error()));
    out.ports.proxies = std::move(*trusted);
    if (!single_port.empty()) {
        const auto single = reach::single_port_settings::parse(single_port);
        if (!single) return fail(single.error().code, "--single-port " + single.error().what);
        out.single = *single;
    }
    for (const auto& text : external_addresses) {
        auto rule = reach::address_rule::parse(text);
        if (!rule) return fail(rule.error().code, "--external-address: " + rule.error().what);
        out.addresses.push_back(std::move(*rule));
    }
    auto mapped = router.settings(maps_ports(), map_lease);
    if (!mapped) return std::unexpected(std::move(mapped.error()));
    out.mapping = std::move(*mapped);
    auto servers = parse_stun_servers(stun);
    if (!servers) return std::unexpected(std::move(servers.error()));
    out.stun = std::move(*servers);
    if (auto good = check_mapping(out); !good) return std::unexpected(std::move(good.error()));
    // After the rules of the administrator, of which it may be one.
    if (out.mapping.is_enabled() || !out.stun.empty()) out.addresses.push_back(*reach::address_rule::parse("auto"));
    return out;
}

}  // namespace sallyport::cli
