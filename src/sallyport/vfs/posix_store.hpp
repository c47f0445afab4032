#pragma once
// An upload on a real disk (DU-01, DU-02, DU-04, DU-06, FS-10).
//
// The bytes go to a file without a name in the target's directory (O_TMPFILE); it vanishes by itself when the process
// dies. commit() syncs it, links it to its name and syncs the directory. Where the file system has no O_TMPFILE a hidden
// temporary name is used, locked while its upload lives; after a crash it stays behind unseen until its directory is
// removed. Nothing is swept at start: the tree may be large, and nobody can see the leftovers.
//
// Replacing keeps mode and, where we may, owner of the old file; set-id bits are not kept (FS-04). A link as the target is
// refused with errc::permission: an upload through it would either change a file elsewhere or silently turn the link into a
// file. A file that we may not write (mode 0444) is not replaced either, though its directory would allow it.
// Resume and append hold an advisory lock on the old file: the second gets errc::busy. When the old file was replaced
// meanwhile, commit() fails with errc::busy rather than undo the other upload.

#include <memory>
#include <string>

#include <sallyport/vfs/beneath.hpp>
#include <sallyport/vfs/filesystem.hpp>
#include <sallyport/vfs/posix_filesystem.hpp>

namespace sallyport::vfs {

struct store_request {
    root_directory::place target;
    std::string shown;  // the virtual path, for messages
    store_mode mode = store_mode::replace;
    std::uint64_t offset = 0;
    may_block wait = may_block::yes;
    posix_options options;
    bool unnamed = true;  // try O_TMPFILE first
};

[[nodiscard]] result<std::unique_ptr<store_file>> open_posix_store(store_request request);

/// Removes what uploads of a killed process left in this directory (O_RDONLY), but nothing that is in use. True where
/// nothing else is in the directory.
[[nodiscard]] bool remove_leftovers(int directory);

}  // namespace sallyport::vfs
