#pragma once
// Unpredictable random numbers (GW-07) from the system's generator. They are fetched in batches, so most calls need no
// system call.
//
// Any thread; each thread owns a batch.

#include <array>
#include <cstddef>
#include <cstdint>

namespace sallyport::reach {

/// Uniform in [0, bound). REQUIRES: bound > 0.
[[nodiscard]] std::uint32_t random_below(std::uint32_t bound);

template <std::size_t size>
[[nodiscard]] std::array<std::uint8_t, size> random_bytes() {
    std::array<std::uint8_t, size> out{};
    for (auto& byte : out) byte = static_cast<std::uint8_t>(random_below(256));
    return out;
}

}  // namespace sallyport::reach
