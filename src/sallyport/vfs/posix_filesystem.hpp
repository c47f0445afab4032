#pragma once
// The real file system beneath one directory, through openat2(RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS).
//
// Links are followed beneath the root; absolute ones count as leading out. Only regular files are read (FS-05). The root
// itself can't be renamed, removed or changed (errc::permission). A directory that holds only what killed uploads left
// behind counts as empty. Uploads: see posix_store.hpp.
//
// Any thread, may block on the disk. Shared: lives as long as a session or a file of it.

#include <memory>
#include <string>

#include <sallyport/vfs/filesystem.hpp>

namespace sallyport::vfs {

struct posix_options {
    sync_policy sync = sync_policy::full;
    // Of new files, less the process's umask.
    std::uint32_t file_mode = 0640;
    // Of new directories, less the process's umask.
    std::uint32_t directory_mode = 0750;
    // Beneath the root; else a path with a link in it is errc::not_found.
    bool follow_links = true;
};

/// Opens `root` and keeps it open. errc::unsupported where the kernel has no openat2 (before Linux 5.6).
[[nodiscard]] result<std::shared_ptr<filesystem>> open_posix_filesystem(const std::string& root,
                                                                        const posix_options& options);

}  // namespace sallyport::vfs
