#pragma once
// The ports behind is_hijacked_port() as a list. Pure; any thread.

#include <cstdint>
#include <span>

namespace sallyport::reach {

[[nodiscard]] std::span<const std::uint16_t> hijacked_ports() noexcept;

}  // namespace sallyport::reach
