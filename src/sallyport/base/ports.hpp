#pragma once
// The TCP ports that belong to services. A constant; any thread.

#include <cstdint>

namespace sallyport {

/// Lower ports belong to services: they require a privilege, as Linux has it by default, and no data connection goes to them
/// (RFC 2577, section 3).
inline constexpr std::uint16_t first_unprivileged_port = 1024;

}  // namespace sallyport
