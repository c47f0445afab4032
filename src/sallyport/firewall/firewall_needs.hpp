#pragma once
// What a firewall must allow for FTP. Every text with rules for a firewall is written from this value (rule_formats.hpp).
//
// Values and pure functions; any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/firewall/port_sets.hpp>

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

    [[nodiscard]] bool is_incoming() const noexcept { return direction == connection_direction::incoming; }
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

    /// Whether connections of IPv4, or with `is_v4` false of IPv6, are possible.
    [[nodiscard]] bool has_family(bool is_v4) const noexcept {
        return (is_v4 ? v4 : v6) && (!peer || peer->is_v4() == is_v4);
    }
};

}  // namespace sallyport::firewall
