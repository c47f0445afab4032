#pragma once
// Options that say how data connections find their way in: ports, addresses, and the balancers that pass them on.

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

    /// `default_ports`: which passive ports there are without --passive-ports, for the help.
    void add_to(command_table& table, const std::string& default_ports);
    /// The texts as values. Errors name the option.
    [[nodiscard]] result<reach::passive_settings> settings() const;
    [[nodiscard]] result<std::vector<reach::client_condition>> missing_close_notify() const;
    /// What a firewall has to let in beside the control port: " and 30000-30099", or nothing.
    [[nodiscard]] std::string extra_ports_text() const;

private:
    [[nodiscard]] result<reach::broker_settings> ports() const;
    [[nodiscard]] result<reach::trusted_proxies> proxies() const;
};

}  // namespace sallyport::cli
