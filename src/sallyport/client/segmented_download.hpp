#pragma once
// Downloads one file over several connections of a pool at the same time, each a part of it (REST). A coroutine on the
// pool's home loop; its arguments outlive it.
//
// At first the parts are equal. A connection that has finished takes over a part of what another one has left, of the one
// that would take the longest by its measured rate, so that both end at the same time. If the server has no room for all
// connections, those that there are do the work.

#include <cstdint>
#include <functional>
#include <string>

#include <sallyport/client/pool.hpp>

namespace sallyport::client {

/// Smaller parts are not worth the round trips of a request.
inline constexpr std::uint64_t min_segment = 256 * 1024;

struct segmented_file {
    /// Path on the server, and its size there.
    std::string remote;
    std::uint64_t size = 0;
    /// Open for writing.
    int local = -1;
    std::size_t segments = 2;
    /// Called with the number of bytes that were received since the last call. Any thread.
    std::function<void(std::uint64_t bytes)> on_bytes;
};

struct segmented_result {
    outcome<void> got;
    /// How many bytes there are without a gap from the beginning.
    std::uint64_t contiguous = 0;
};

/// Success means that each byte was received once by a part, and that the last part ended where the file ends.
net::task<segmented_result> download_in_segments(pool& connections, const segmented_file& file);

}  // namespace sallyport::client
