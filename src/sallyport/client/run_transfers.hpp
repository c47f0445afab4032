#pragma once
// Moves many files over the connections of a pool, several at a time, each in order of the list. One that fails does not
// stop the others. A coroutine on the pool's home loop; its arguments outlive it.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <sallyport/client/pool.hpp>
#include <sallyport/client/transfer.hpp>

namespace sallyport::client {

/// What happens to a target that exists. For uploads, the caller decides before.
enum class existing_file : std::uint8_t {
    replace,
    keep,
    /// Replaced if the server's file is newer.
    replace_by_newer
};

struct transfer_options {
    /// Continue partial files of earlier runs. Those of this run are always continued.
    bool resume = false;
    /// The target gets the modification time of the source.
    bool keep_times = false;
    existing_file existing = existing_file::replace;
    /// The source is deleted when the sizes of both files have been compared.
    bool then_delete = false;
    /// Downloads of larger files are skipped, also those whose size a listing has not named. 0: no limit.
    std::uint64_t max_size = 0;
    /// Uploads go to NAME.part, which is renamed at the end.
    bool temp_name = false;
    /// Over how many connections each file is downloaded; with `resume`, one that was begun is continued over one.
    std::size_t segments = 1;
    /// Of uploads; `resume` decides between the first two.
    upload_mode upload = upload_mode::replace;
};

/// How far everything is. Any thread.
struct transfer_counters {
    std::atomic<std::uint64_t> bytes = 0;
    std::atomic<std::size_t> done = 0;
    std::atomic<std::size_t> skipped = 0;
    std::atomic<std::size_t> failed = 0;
    /// The server has refused to set a time, so it is not asked again.
    std::atomic<bool> times_refused = false;
};

net::task<> run_transfers(pool& connections, std::vector<transfer>& all, transfer_options how, transfer_counters& counters);

}  // namespace sallyport::client
