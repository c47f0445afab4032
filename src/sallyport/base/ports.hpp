#pragma once
// TCP ports with a special meaning. A constant and a pure function; any thread.

#include <cstdint>

namespace sallyport {

/// Lower ports belong to services: they require a privilege, as Linux has it by default, and no data connection goes to them
/// (RFC 2577, section 3).
inline constexpr std::uint16_t first_unprivileged_port = 1024;

/// Whether NAT devices are known to inspect this port for another protocol, for example 5060 for SIP.
[[nodiscard]] bool is_alg_port(std::uint16_t port) noexcept;

}  // namespace sallyport
