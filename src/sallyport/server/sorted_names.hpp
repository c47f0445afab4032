#pragma once
// The names of a directory in their order, a part at a time. Each part needs one pass over the directory, so that only a
// part is in memory (RX-03): all names of most directories, and fewer if large buffers are short. Between two parts the
// memory can be returned; the next part then starts after the last name.
//
// Owned by a lister. Blocks on the disk; one thread at a time. The directory and the flag must outlive it.

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/base/memory_budget.hpp>
#include <sallyport/vfs/filesystem.hpp>

namespace sallyport::server {

class sorted_names {
public:
    /// `wanted` says which names are needed. `cancelled` may be set by any thread; the next read then returns
    /// errc::cancelled.
    sorted_names(vfs::directory& from, std::function<bool(std::string_view)> wanted, const std::atomic<bool>* cancelled);

    enum class state : std::uint8_t {
        // The time has passed: call start() again.
        incomplete,
        sorted,
        // The directory has more than limits::max_sorted_entries entries, which are not sorted.
        too_many,
    };
    /// Reads the first part, until `until`.
    [[nodiscard]] result<state> start(std::chrono::steady_clock::time_point until);
    /// The next name; nothing at the end. REQUIRES: start() returned `sorted`.
    [[nodiscard]] result<std::optional<std::string>> next();
    /// next() has no more names.
    [[nodiscard]] bool finished() const noexcept { return complete_ && position_ == part_.size(); }
    /// Drops what can be read again.
    void return_memory();

private:
    void start_part();
    result<bool> read_batch();
    void keep_first(std::size_t bytes);

    vfs::directory& directory_;
    std::function<bool(std::string_view)> wanted_;
    const std::atomic<bool>* cancelled_;
    memory_budget::lease lease_;
    std::vector<std::string> part_;
    std::size_t position_ = 0;
    // The name that next() returned last; empty at the start.
    std::string last_;
    // No names follow those in part_.
    bool complete_ = false;

    // While a part is read:
    bool reading_ = false;
    // The last name in part_ after it was shortened.
    std::string end_;
    // The memory of the names in part_.
    std::size_t collected_ = 0;
    std::size_t count_ = 0;
};

}  // namespace sallyport::server
