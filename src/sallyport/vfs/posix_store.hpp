#pragma once
// An upload on a real disk (DU-01, DU-02, DU-04, DU-06, FS-10).
//
// The bytes go to a file without a name in the target's directory (O_TMPFILE); it vanishes by itself when the process
// dies. commit() syncs it, links it to its name and syncs the directory. Where the file system has no O_TMPFILE a hidden
// temporary name is used, and for an instant where an old file is replaced; a crash leaves it behind, unseen by clients,
// until leftovers.hpp removes it.
//
// A file that is continued is replaced by a copy with the new bytes behind it: by reference where the file system can do
// that (FICLONE: btrfs, xfs), else byte by byte. A large one on another file system (ext4, tmpfs), continued at its very
// end, is not copied: the new bytes gather in a file without a name all the same, and only commit() adds them, in place. A
// failure there, a full disk for instance, cuts the file back to its old size. If the process is killed within commit(), or
// the power fails, the old bytes are whole, some of the new ones may stand behind them, and nobody was told that it
// succeeded.
//
// Replacing keeps mode and, where we may, owner of the old file; set-id bits are not kept (FS-04). A link as the target is
// refused with errc::permission: an upload through it would either change a file elsewhere or silently turn the link into a
// file. A file that we may not write (mode 0444) is not replaced either, though its directory would allow it.
// Resume and append hold an advisory lock on the old file: the second gets errc::busy. When the old file was replaced
// meanwhile, commit() fails with errc::busy rather than undo the other upload.
//
// Owned by its transfer, one thread at a time; may block on the disk. What is not committed when it ends leaves nothing
// behind.

#include <memory>
#include <string>

#include <sallyport/vfs/beneath.hpp>
#include <sallyport/vfs/filesystem.hpp>
#include <sallyport/vfs/posix_filesystem.hpp>

namespace sallyport::vfs {

struct store_request {
    root_directory::entry_location target;
    // The virtual path, for messages.
    std::string display_path;
    store_mode mode = store_mode::replace;
    std::uint64_t offset = 0;
    may_block wait = may_block::yes;
    posix_options options;
    // Try O_TMPFILE first.
    bool unnamed = true;
};

[[nodiscard]] result<std::unique_ptr<store_file>> open_posix_store(store_request request);

}  // namespace sallyport::vfs
