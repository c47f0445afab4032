#pragma once
// Produces a listing block by block: the text of LIST, NLST and MLSD, and the lines of STAT and MLST. It reads the directory
// step by step, so that a million names need no more memory than a few thousand (FS-03).
//
// Owned by the transfer or command that sends the listing. Its functions block on the disk and are called on threads of the
// pool.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/proto/listing.hpp>
#include <sallyport/proto/server_actions.hpp>
#include <sallyport/server/accounts.hpp>
#include <sallyport/server/wildcard.hpp>
#include <sallyport/vfs/filesystem.hpp>

namespace sallyport::server {

class lister {
public:
    /// `now` determines whether LIST shows the time or the year. `cancelled` may be set by any thread; then the next read of
    /// the directory returns errc::cancelled. It and `files` must outlive the lister.
    lister(vfs::filesystem& files, proto::transfer_request request, const account& user_account, std::int64_t now,
           const std::atomic<bool>* cancelled = nullptr);

    /// Opens the directory and reads what first() needs, until `until`; then returns false, and is to be called again.
    [[nodiscard]] result<bool> prepare(std::chrono::steady_clock::time_point until);
    /// Returns the first lines: all of them, sorted, if there are at most limits::max_sorted_entries. Called once, before
    /// next(); does the rest of prepare(), if any.
    [[nodiscard]] result<std::string> first();
    /// Returns the next lines, about limits::listing_block_size bytes, or those read within limits::work_slice, possibly
    /// none. Several threads may call it at the same time: each entry is in one block, and blocks may be sent in any order.
    [[nodiscard]] result<std::string> next();
    /// True if next() has no more lines. Any thread.
    [[nodiscard]] bool finished() const noexcept { return finished_; }
    /// Cancels the rest of the listing. Any thread.
    void stop() noexcept { finished_ = true; }

private:
    void find_name();
    result<void> open();
    /// Appends the next batch of the directory.
    result<void> read(std::vector<vfs::entry>& entries);

    vfs::filesystem& files_;
    proto::transfer_request request_;
    bool read_only_;
    std::int64_t now_;
    const std::atomic<bool>* cancelled_;
    std::optional<wildcard> pattern_;
    std::unique_ptr<vfs::directory> directory_;
    // What prepare() has read.
    std::vector<vfs::entry> first_entries_;
    bool opened_ = false;
    std::atomic<bool> finished_ = false;
};

/// The MLST line of one entry.
[[nodiscard]] std::string describe_entry(const virtual_path& path, const vfs::status& facts, const proto::fact_set& wanted,
                                         bool read_only);

}  // namespace sallyport::server
