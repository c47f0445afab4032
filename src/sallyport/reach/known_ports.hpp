#pragma once
// What is known about port numbers in general and on this machine. Pure, apart from what
// the system says at the time; any thread.

#include <cstdint>

#include <sallyport/base/address.hpp>

namespace sallyport::reach {

/// Ports that devices on the way are known to grab for other protocols (SIP 5060 and kin).
[[nodiscard]] bool is_alg_port(std::uint16_t port) noexcept;

/// The system's ephemeral range (net.ipv4.ip_local_port_range), to report an overlap (S2). {0, 0} where unknown.
[[nodiscard]] port_range ephemeral_range();

}  // namespace sallyport::reach
