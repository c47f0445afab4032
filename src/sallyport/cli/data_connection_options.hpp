#pragma once
// Options for data connections: passive ports, advertised addresses, mappings of ports at a router, and the load balancers
// that send PROXY headers. A value that daemon_options owns; used on its threads.

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/cli/mapping_values.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/reach/client_condition.hpp>
#include <sallyport/reach/passive_mode.hpp>

namespace sallyport::cli {

struct data_connection_options {
    std::optional<port_range> passive_ports;
    std::string single_port;
    std::vector<std::string> external_ports;
    bool use_alg_ports = false;
    std::vector<std::string> external_addresses;
    std::vector<std::string> proxy_protocol_from;
    bool proxy_protocol_data = false;
    std::vector<std::string> allow_missing_close_notify;
    mapping_options router;
    std::chrono::seconds map_lease = limits::mapping_lease;
    std::size_t map_max_ports = limits::max_mapped_ports;
    std::vector<std::string> stun;

    /// `default_ports` is the text for the passive ports without --passive-ports in the help.
    void add_to(command_table& table, const std::string& default_ports);
    /// Those for mappings at the router, which only a daemon that runs can have.
    void add_mapping_to(command_table& table);
    /// The parsed values. Errors name the option.
    [[nodiscard]] result<reach::passive_settings> settings() const;
    [[nodiscard]] result<std::vector<reach::client_condition>> missing_close_notify() const;
    /// Whether --map is given, and not as "map = false".
    [[nodiscard]] bool maps_ports() const { return !router.map.empty() && router.map != "false"; }
    /// The ports that a firewall has to allow in addition to the control port: " and 30000-30099", or empty.
    [[nodiscard]] std::string extra_ports_text() const;

private:
    [[nodiscard]] result<reach::broker_settings> ports() const;
    [[nodiscard]] result<void> check_mapping(const reach::passive_settings& settings) const;
    [[nodiscard]] result<reach::trusted_proxies> proxies() const;

    // The range that was chosen for --map: each call of settings() has the same.
    mutable std::optional<port_range> chosen_;
    // The command has --map and --stun, so that --external-address auto without them is a mistake.
    bool can_map_ = false;
};

}  // namespace sallyport::cli
