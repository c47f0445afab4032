#pragma once
// Opens virtual paths beneath a root directory: openat2(RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS) from the descriptor of the
// root. The kernel confines the path; no text is compared (FS-01), and there is no window between a check and its use
// (FS-02). Immutable; any thread. Shared by file systems and files, and lives as long as one of them.
//
// Links are followed beneath the root only. A link to a target outside, as are all absolute ones, is errc::not_found. If
// links are not followed at all, each link is errc::not_found.

#include <memory>
#include <string>

#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/base/virtual_path.hpp>
#include <sallyport/vfs/filesystem.hpp>

namespace sallyport::vfs {

class root_directory {
public:
    /// errc::unsupported if the kernel has no openat2.
    [[nodiscard]] static result<std::shared_ptr<const root_directory>> open(const std::string& path,
                                                                            bool follow_links = true);

    /// `flags` as for open(2), without O_CREAT; O_CLOEXEC is added. Temporary names of uploads are errc::not_found. With
    /// may_block::no, errc::busy if the path is not in the kernel's cache.
    [[nodiscard]] result<unique_fd> open(const virtual_path& path, int flags, may_block wait) const;

    /// The location of an entry to create, replace or remove: its directory, which is held open, and its name. Operations
    /// relative to this descriptor stay in this directory, even if the path changes meanwhile.
    struct entry_location {
        unique_fd parent;
        std::string name;
    };
    /// Finds the location of an entry. The root itself is errc::permission, a temporary name errc::name_invalid. `parent` is
    /// opened with O_PATH; for syncing with O_RDONLY, unless this process may write the directory but not read it.
    enum class use : bool { change, sync };
    [[nodiscard]] result<entry_location> locate(const virtual_path& path, use purpose = use::change,
                                                may_block wait = may_block::yes) const;

private:
    root_directory(unique_fd fd, bool follow_links) : fd_(std::move(fd)), follow_links_(follow_links) {}
    unique_fd fd_;
    bool follow_links_;
};

/// Whether this file is on a file system in memory.
[[nodiscard]] bool is_memory_backed(int fd);

/// The status of `name` in `directory`, without following a link, or of the directory itself if `name` is "". The error is
/// an errno.
[[nodiscard]] std::expected<status, int> status_at(int directory, const char* name, may_block wait = may_block::yes);

[[nodiscard]] inline bool same_file(const status& a, const status& b) noexcept {
    return a.inode == b.inode && a.device == b.device;
}

}  // namespace sallyport::vfs
