#pragma once
// Port numbers with a special meaning: ALG ports, this system's ephemeral range, and ports that are free.
//
// Pure functions, except that the ephemeral range and the free ports are read from the system; any thread.

#include <cstdint>
#include <optional>

#include <sallyport/base/address.hpp>

namespace sallyport::reach {

/// Whether NAT devices are known to inspect this port for another protocol, for example 5060 for SIP.
[[nodiscard]] bool is_alg_port(std::uint16_t port) noexcept;

/// The system's ephemeral port range (net.ipv4.ip_local_port_range), to report an overlap (S2); {0, 0} if it is unknown.
[[nodiscard]] port_range ephemeral_range();

/// The first range of `count` ports that no program uses, from 30000 on, below the ephemeral range. Nothing if there is
/// none.
[[nodiscard]] std::optional<port_range> free_ports(std::uint16_t count);

}  // namespace sallyport::reach
