#pragma once
// A listing, block by block: the text of LIST, NLST and MLSD, and the lines of STAT and MLST. Reads the directory as it
// goes, so that a million names need no more memory than a few thousand (FS-03). Blocks the caller on the disk: for the
// pool.

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/proto/listing.hpp>
#include <sallyport/proto/server_machine.hpp>
#include <sallyport/server/accounts.hpp>
#include <sallyport/server/wildcard.hpp>
#include <sallyport/vfs/filesystem.hpp>

namespace sallyport::server {

class lister {
public:
    /// `now` decides between time and year in LIST. `given_up`, from any thread: nobody wants the listing any more, so the
    /// next look at the directory is errc::cancelled. It and `files` must outlive the lister.
    lister(vfs::filesystem& files, proto::transfer_request request, const account& user_account, std::int64_t now,
           const std::atomic<bool>* cancelled = nullptr);

    /// Opens, and gives the first lines: all of them, sorted, where they are no more than limits::max_sorted_entries. Once,
    /// before everything else.
    [[nodiscard]] result<std::string> first();
    /// The next lines, about limits::listing_block_size bytes of them, or what limits::listing_slice brings, which may be
    /// none. Several threads may ask at a time: each entry is in one block, and blocks may be sent in any order.
    [[nodiscard]] result<std::string> next();
    /// Any thread: true where next() would have nothing more.
    [[nodiscard]] bool finished() const noexcept { return finished_; }
    /// Any thread: nobody wants the rest.
    void stop() noexcept { finished_ = true; }

private:
    void find_name();
    result<void> open(std::vector<vfs::entry>& entries);
    /// Appends the directory's next batch.
    result<void> read(std::vector<vfs::entry>& entries);

    vfs::filesystem& files_;
    proto::transfer_request request_;
    bool read_only_;
    std::int64_t now_;
    const std::atomic<bool>* cancelled_;
    std::optional<wildcard> pattern_;
    std::unique_ptr<vfs::directory> directory_;
    std::atomic<bool> finished_ = false;
};

/// What MLST says of one entry.
[[nodiscard]] std::string describe_entry(const virtual_path& path, const vfs::status& facts, const proto::fact_set& wanted,
                                         bool read_only);

}  // namespace sallyport::server
