#pragma once
// What a firewall must allow for FTP. Every text with rules for a firewall is written from this value (rule_formats.hpp).
//
// Values and pure functions; any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/address.hpp>

namespace sallyport::firewall {

enum class connection_direction : std::uint8_t { incoming, outgoing };

/// TCP connections with one purpose, as seen from the host whose needs these are.
struct allowed_connections {
    connection_direction direction = connection_direction::incoming;
    // "FTP control connections". It becomes a comment of rules: letters, digits, spaces.
    std::string purpose{};
    // The ports to which the connections are opened; at least one.
    std::vector<port_range> to{};
    // The ports from which they are opened; empty: any.
    std::vector<port_range> from{};
    // The interface that they cross, as nft(8) writes it: '*' may end a name. Empty: any.
    std::string interface{};
    // They are addressed to other hosts, and the interception of a gateway on a router accepts them here.
    bool to_other_hosts = false;
};

struct firewall_needs {
    std::vector<allowed_connections> connections{};
    bool v4 = true;
    bool v6 = true;
    // The host's own address, for rules of a device in front of it. Nothing: the device's rules cover all hosts.
    std::optional<ip_address> host{};
    // The only other host of these connections. Nothing: any.
    std::optional<ip_address> peer{};
    // The host is the server, whose ports are fixed, so that no device has to read the control connection.
    bool of_server = true;
    // The control connections can be encrypted.
    bool encrypted = false;
};

/// "21,990,30000-30099" with the separators "," and "-".
[[nodiscard]] std::string ports_text(const std::vector<port_range>& ports, std::string_view between,
                                     std::string_view within);

/// The ports in order, each once, and adjacent ones as one range.
[[nodiscard]] std::vector<port_range> merged(std::vector<port_range> ports);
/// The other ports from 1 on.
[[nodiscard]] std::vector<port_range> all_but(const std::vector<port_range>& ports);

}  // namespace sallyport::firewall
