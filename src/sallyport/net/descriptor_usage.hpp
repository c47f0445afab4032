#pragma once
// How many descriptors this process may have, and how many of them are in use. Any thread.

#include <cstddef>

namespace sallyport::net {

struct descriptor_usage {
    std::size_t limit = 0;   // the soft limit (RLIMIT_NOFILE); descriptors are the numbers below it
    std::size_t in_use = 0;  // at this moment

    [[nodiscard]] std::size_t free() const noexcept { return limit > in_use ? limit - in_use : 0; }
    [[nodiscard]] static descriptor_usage of_process();
};

/// The limit alone, which costs one system call.
[[nodiscard]] std::size_t descriptor_limit() noexcept;

}  // namespace sallyport::net
