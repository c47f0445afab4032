#pragma once
// Port numbers with a special meaning: ALG ports, and this system's ephemeral range.
//
// Pure functions, except that the ephemeral range is read from the system; any thread.

#include <cstdint>

#include <sallyport/base/address.hpp>

namespace sallyport::reach {

/// Whether NAT devices are known to inspect this port for another protocol, for example 5060 for SIP.
[[nodiscard]] bool is_alg_port(std::uint16_t port) noexcept;

/// The system's ephemeral port range (net.ipv4.ip_local_port_range), to report an overlap (S2); {0, 0} if it is unknown.
[[nodiscard]] port_range ephemeral_range();

}  // namespace sallyport::reach
