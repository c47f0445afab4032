#pragma once
// Unpredictable random numbers (GW-07) from the system's generator. They are fetched in batches, so most calls need no
// system call.
//
// Any thread; each thread owns a batch.

#include <cstdint>

namespace sallyport::reach {

/// Uniform in [0, bound). REQUIRES: bound > 0.
[[nodiscard]] std::uint32_t random_below(std::uint32_t bound);

}  // namespace sallyport::reach
