#pragma once
// Options for data connections: passive ports, advertised addresses, and the load balancers that send PROXY headers. A
// value that daemon_options owns; used on its threads.

#include <optional>
#include <string>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
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

    /// `default_ports` is the text for the passive ports without --passive-ports in the help.
    void add_to(command_table& table, const std::string& default_ports);
    /// The parsed values. Errors name the option.
    [[nodiscard]] result<reach::passive_settings> settings() const;
    [[nodiscard]] result<std::vector<reach::client_condition>> missing_close_notify() const;
    /// The ports that a firewall has to allow in addition to the control port: " and 30000-30099", or empty.
    [[nodiscard]] std::string extra_ports_text() const;

private:
    [[nodiscard]] result<reach::broker_settings> ports() const;
    [[nodiscard]] result<reach::trusted_proxies> proxies() const;
};

}  // namespace sallyport::cli
