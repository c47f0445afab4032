#pragma once
// The file system beneath one directory of a real disk, with openat2(RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS).
//
// Links are followed beneath the root; absolute links count as links to the outside. Only regular files are read (FS-05).
// The root itself cannot be renamed, removed or changed (errc::permission). A directory that contains only leftovers of
// killed uploads counts as empty. For uploads see posix_store.hpp.
//
// Any thread, may block on the disk. Shared: lives as long as a session or a file of it.

#include <memory>
#include <string>

#include <sallyport/vfs/filesystem.hpp>

namespace sallyport::vfs {

struct posix_options {
    sync_policy sync = sync_policy::full;
    // Mode of new files, before the process's umask is applied.
    std::uint32_t file_mode = 0640;
    // Mode of new directories, before the process's umask is applied.
    std::uint32_t directory_mode = 0750;
    // New files and directories have exactly these modes, whatever the umask.
    bool exact_modes = false;
    // Follow links beneath the root. Otherwise a path with a link in it is errc::not_found.
    bool follow_links = true;
};

/// Opens `root` and keeps it open. errc::unsupported if the kernel has no openat2 (before Linux 5.6).
[[nodiscard]] result<std::shared_ptr<filesystem>> open_posix_filesystem(const std::string& root,
                                                                        const posix_options& options);

}  // namespace sallyport::vfs
