#pragma once
// This system's ephemeral port range, and ports that are free.
//
// Functions that read the system's settings and own nothing; any thread.

#include <cstdint>
#include <optional>

#include <sallyport/base/address.hpp>

namespace sallyport::reach {

/// The system's ephemeral port range (net.ipv4.ip_local_port_range), to report an overlap (S2); {0, 0} if it is unknown.
[[nodiscard]] port_range ephemeral_range();

/// The first range of `count` ports that no program uses, from 30000 on, below the ephemeral range. Nothing if there is
/// none.
[[nodiscard]] std::optional<port_range> free_ports(std::uint16_t count);

}  // namespace sallyport::reach
