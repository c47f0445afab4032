#pragma once
// Produces a listing block by block: the text of LIST, NLST and MLSD, and the lines of STAT and MLST. It reads the directory
// step by step, so that a million names need no more memory than a few (FS-03, RX-03). LIST, NLST and STAT of a directory
// with at most limits::max_sorted_entries entries are in the order of names. MLSD has no order (RFC 3659 section 7): the
// client sorts the entries and gets the first lines sooner.
//
// Owned by the transfer or command that sends the listing. Its functions block on the disk and are called on threads of the
// pool.

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <sallyport/base/limits.hpp>
#include <sallyport/proto/listing.hpp>
#include <sallyport/proto/server_actions.hpp>
#include <sallyport/server/account.hpp>
#include <sallyport/server/sorted_names.hpp>
#include <sallyport/server/wildcard.hpp>
#include <sallyport/vfs/filesystem.hpp>

namespace sallyport::server {

/// Writes the lines of one block; of the implementation.
class line_maker;

class lister {
public:
    /// `now` determines whether LIST shows the time or the year. `cancelled` may be set by any thread; then the next read of
    /// the directory returns errc::cancelled. It and `files` must outlive the lister.
    lister(vfs::filesystem& files, proto::transfer_request request, account_ptr user_account, std::int64_t now,
           const std::atomic<bool>* cancelled = nullptr);

    /// Opens the directory and reads what first() needs, until `until`; then returns false, and is to be called again.
    [[nodiscard]] result<bool> prepare(std::chrono::steady_clock::time_point until);
    /// Returns the first lines, possibly none. Called once, before next(); does the rest of prepare(), if any.
    [[nodiscard]] result<std::string> first(std::size_t size = limits::listing_block_size);
    /// Returns the next lines, about `size` bytes, or those read within limits::work_slice, possibly none. If the listing
    /// has no order, several threads may call it at the same time: each entry is in one block, and blocks may be sent in any
    /// order.
    [[nodiscard]] result<std::string> next(std::size_t size = limits::listing_block_size);
    /// The lines are in the order of names, so only one thread may call next() at a time. Known after first().
    [[nodiscard]] bool is_sorted() const noexcept { return sorted_.has_value(); }
    /// Drops what next() can read again. REQUIRES: no thread is in first() or next().
    void return_memory() {
        if (sorted_) sorted_->return_memory();
    }
    /// True if next() has no more lines. Any thread.
    [[nodiscard]] bool finished() const noexcept { return finished_; }
    /// Cancels the rest of the listing. Any thread.
    void stop() noexcept { finished_ = true; }

private:
    void find_name();
    result<void> open();
    result<void> append_sorted(line_maker& lines, std::string& out);
    result<void> append_batch(line_maker& lines, std::string& out);
    result<void> append_entry(line_maker& lines, std::string& out, std::string name);
    [[nodiscard]] bool is_wanted(std::string_view name) const;

    vfs::filesystem& files_;
    proto::transfer_request request_;
    account_ptr user_;
    std::int64_t now_;
    const std::atomic<bool>* cancelled_;
    std::optional<wildcard> pattern_;
    std::unique_ptr<vfs::directory> directory_;
    // The names, if they are sorted.
    std::optional<sorted_names> sorted_;
    // If the path is that of a file.
    std::string single_line_;
    bool opened_ = false;
    // sorted_ is being started.
    bool starting_ = false;
    std::atomic<bool> finished_ = false;
};

/// The MLST line of one entry.
[[nodiscard]] std::string describe_entry(const virtual_path& path, const vfs::status& facts, const proto::fact_set& wanted,
                                         const account& user);

}  // namespace sallyport::server
