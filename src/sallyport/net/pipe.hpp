#pragma once
// A pipe for splice: pages go from a socket to a socket or a file without being copied through our memory.
//
// Not tied to a loop: filled by one, it may be emptied by a pool's thread. One side at a time: the kernel locks a pipe
// while it is emptied into a file, and who fills it then waits for the disk.

#include <array>
#include <cstddef>

#include <fcntl.h>
#include <unistd.h>
#include <sallyport/base/unique_fd.hpp>

namespace sallyport::net {

struct pipe {
    static constexpr std::size_t max_size = std::size_t{1} << 20U;  // what a user without privileges may have

    unique_fd read_end;
    unique_fd write_end;
    std::size_t capacity = 0;  // bytes, in whole pages; what comes in smaller pieces takes a page each

    /// Non-blocking. Empty where the process has no descriptors left; with less room than `most` above the user's share
    /// of pipe memory (pipe(7)).
    [[nodiscard]] static pipe open() {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) != 0) return {};
        pipe made{.read_end = unique_fd(ends[0]), .write_end = unique_fd(ends[1])};
        const int granted = ::fcntl(ends[0], F_SETPIPE_SZ, static_cast<int>(max_size));
        made.capacity = static_cast<std::size_t>(granted > 0 ? granted : ::fcntl(ends[0], F_GETPIPE_SZ));
        return made;
    }
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(read_end); }
};

}  // namespace sallyport::net
