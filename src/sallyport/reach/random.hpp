#pragma once
// Random numbers that nobody can predict (GW-07), from the system's generator, fetched in batches: most calls need no
// system call. Any thread, each with a batch of its own.

#include <cstdint>

namespace sallyport::reach {

/// Uniform in [0, bound). REQUIRES: bound > 0.
[[nodiscard]] std::uint32_t random_below(std::uint32_t bound);

}  // namespace sallyport::reach
