#pragma once
// The time of day, for what is written down or compared with times of files. Pure values without a lifetime of their own;
// any thread.

#include <chrono>
#include <cstdint>

namespace sallyport {

/// Seconds since 1970, UTC.
[[nodiscard]] inline std::int64_t seconds_now() {
    return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace sallyport
