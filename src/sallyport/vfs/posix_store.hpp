#pragma once
// An upload to a real disk (DU-01, DU-02, DU-04, DU-06, FS-10).
//
// The bytes are written to an unnamed file in the target's directory (O_TMPFILE), which the kernel removes if the process
// ends. commit() syncs the file, links it to its name and syncs the directory. If the file system has no O_TMPFILE, a hidden
// temporary name is used, and for a short time also if an old file is replaced. A crash leaves this file, which clients do
// not see, until leftovers.hpp removes it.
//
// A file that is continued is replaced by a copy with the new bytes appended: a clone if the file system supports it
// (FICLONE: btrfs, xfs), otherwise a byte-by-byte copy. A large file on another file system (ext4, tmpfs) that is continued
// at its end is not copied: the new bytes are also written to an unnamed file, and commit() appends them to the old one. If
// that fails, for example because the disk is full, the file is truncated to its old size. If the process is killed during
// commit(), or the power fails, the old bytes are complete, some of the new ones may follow them, and the client has not got
// a 226.
//
// Replacing a file keeps its mode and, if permitted, its owner; set-id bits are not kept (FS-04). A link as the target is
// refused with errc::permission: an upload through it would either change another file or silently replace the link. A file
// that this process may not write (mode 0444) is not replaced either, although its directory would allow it. Resume and
// append hold an advisory lock on the old file: a second upload gets errc::busy. If the old file was replaced meanwhile,
// commit() fails with errc::busy, so as not to undo the other upload.
//
// Owned by its transfer, one thread at a time; may block on the disk. Without commit() it leaves no file.

#include <memory>
#include <string>

#include <sallyport/vfs/beneath.hpp>
#include <sallyport/vfs/filesystem.hpp>
#include <sallyport/vfs/posix_filesystem.hpp>

namespace sallyport::vfs {

struct store_request {
    root_directory::entry_location target;
    // The virtual path for messages.
    std::string display_path;
    store_mode mode = store_mode::replace;
    std::uint64_t offset = 0;
    may_block wait = may_block::yes;
    posix_options options;
    // True: try O_TMPFILE first.
    bool unnamed = true;
};

[[nodiscard]] result<std::unique_ptr<store_file>> open_posix_store(store_request request);

}  // namespace sallyport::vfs
