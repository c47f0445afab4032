#pragma once
// How many file descriptors this process may have, and how many are in use. A value; any thread.

#include <cstddef>

namespace sallyport::net {

struct descriptor_usage {
    // The soft limit (RLIMIT_NOFILE); descriptors are the numbers below it.
    std::size_t limit = 0;
    std::size_t in_use = 0;

    [[nodiscard]] std::size_t free() const noexcept { return limit > in_use ? limit - in_use : 0; }
    [[nodiscard]] static descriptor_usage of_process();
};

/// The limit alone, for the cost of one system call.
[[nodiscard]] std::size_t descriptor_limit() noexcept;

}  // namespace sallyport::net
