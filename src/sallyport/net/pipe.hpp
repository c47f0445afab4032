#pragma once
// A pipe for splice: it carries pages from a socket to a socket or a file without copying them through user space.
//
// Owns both ends. It belongs to no event loop: a loop may fill it and a thread of a pool may empty it, but one thread at a
// time, as the kernel locks a pipe while it is emptied into a file, and filling it would wait for the disk.

#include <array>
#include <cstddef>

#include <fcntl.h>
#include <unistd.h>
#include <sallyport/base/unique_fd.hpp>

namespace sallyport::net {

struct pipe {
    // The largest capacity that an unprivileged user may set.
    static constexpr std::size_t max_size = std::size_t{1} << 20U;

    unique_fd read_end;
    unique_fd write_end;
    // In bytes; each smaller piece takes a complete page.
    std::size_t capacity = 0;

    /// Opens a non-blocking pipe. It is empty if the process has no descriptors left. Its capacity is less than `max_size`
    /// if the user's pipe memory is used up (pipe(7)).
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
