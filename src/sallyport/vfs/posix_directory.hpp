#pragma once
// Listing a directory of a real disk: getdents64 in batches and one statx an entry, relative to the directory's own
// descriptor. Order is the disk's. Only the names are read in turn; threads that read together ask for facts side by side.
//
// A link is shown with the facts of its target where that lies beneath the root, else as a link.

#include <memory>

#include <sallyport/vfs/beneath.hpp>
#include <sallyport/vfs/filesystem.hpp>

namespace sallyport::vfs {

[[nodiscard]] result<std::unique_ptr<directory>> open_posix_directory(std::shared_ptr<const root_directory> root,
                                                                      const virtual_path& path);

}  // namespace sallyport::vfs
