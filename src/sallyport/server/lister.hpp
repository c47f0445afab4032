#pragma once
// A listing, block by block: the text of LIST, NLST and MLSD, and the lines of STAT and MLST. Reads the directory as it
// goes, so that a million names need no more memory than a few thousand (FS-03). Blocks the caller on the disk: for the
// pool. One thread at a time.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <sallyport/proto/listing.hpp>
#include <sallyport/proto/server_machine.hpp>
#include <sallyport/server/accounts.hpp>
#include <sallyport/vfs/filesystem.hpp>

namespace sallyport::server {

class lister {
public:
    /// `now` decides between time and year in LIST. `files` must outlive the lister.
    lister(vfs::filesystem& files, proto::transfer_request request, const account& who, std::int64_t now);

    /// The next lines, about `block_bytes` of them; empty at the end. The first call opens.
    [[nodiscard]] result<std::string> next();

    static constexpr std::size_t block_bytes = 128 * 1024;

private:
    result<void> open();
    result<void> read_first();
    void append(std::string& out, vfs::entry& found);

    vfs::filesystem& files_;
    proto::transfer_request request_;
    bool read_only_;
    std::int64_t now_;
    bool opened_ = false;
    std::unique_ptr<vfs::directory> directory_;
    std::vector<vfs::entry> batch_;
    proto::entry line_;  // kept between lines, so that its strings keep their memory
    std::uint32_t named_user_ = 0;
    std::uint32_t named_group_ = 0;
    bool names_known_ = false;
};

/// What MLST says of one entry.
[[nodiscard]] std::string describe_entry(const virtual_path& path, const vfs::status& facts, const proto::fact_set& wanted,
                                         bool read_only);

}  // namespace sallyport::server
