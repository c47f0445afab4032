#pragma once
// Reads a directory of a real disk: getdents64 in batches and one statx per entry, relative to the directory's descriptor.
// The order is that of the disk. Several threads can read one directory: only getdents64 is serialized, and the statx calls
// run in parallel. Owned by its listing.
//
// A link has the status of its target if the target is beneath the root; otherwise it is returned as a link.

#include <memory>

#include <sallyport/vfs/beneath.hpp>
#include <sallyport/vfs/filesystem.hpp>

namespace sallyport::vfs {

[[nodiscard]] result<std::unique_ptr<directory>> open_posix_directory(std::shared_ptr<const root_directory> root,
                                                                      const virtual_path& path);

}  // namespace sallyport::vfs
