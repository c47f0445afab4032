#pragma once
// What is known of the machine that a daemon starts on: limits, ports, addresses.

#include <cstdint>
#include <string>
#include <vector>

#include <sallyport/base/address.hpp>

namespace sallyport::cli {

struct machine_facts {
    std::int64_t now = 0;                     // seconds since 1970
    port_range ephemeral{};                   // the system's for outgoing connections; {0, 0}: not known
    std::vector<port_range> reserved{};       // of these it takes none
    std::uint16_t first_unprivileged = 1024;  // listening below it takes a right ...
    bool can_bind_low = true;                 // ... that this process has
    std::uint64_t descriptors = 0;            // as many as this process may raise its limit to; 0: not known
    std::vector<ip_address> addresses{};      // of its interfaces
};

[[nodiscard]] machine_facts read_machine_facts();

/// "8080,9148,30000-30099", as in net.ipv4.ip_local_reserved_ports.
[[nodiscard]] std::vector<port_range> parse_port_list(const std::string& text);

/// The interfaces' addresses, loopback among them, link-local ones not.
[[nodiscard]] std::vector<ip_address> local_addresses();

/// Whether users other than owner and group can read it. False where it can't be looked at.
[[nodiscard]] bool is_world_readable(const std::string& file);

/// Whether this process may make files there.
[[nodiscard]] bool is_writable_directory(const std::string& directory);

}  // namespace sallyport::cli
