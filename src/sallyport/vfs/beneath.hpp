#pragma once
// The one place where a virtual path becomes a descriptor: openat2(RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS) from the
// descriptor of the root. The kernel does the confinement; no text is compared (FS-01), and no window is left between a
// check and its use (FS-02). Immutable; any thread. Shared, and lives as long as a file system or file beneath it.
//
// Links are followed beneath the root only. One that leads out, an absolute one among them, is errc::not_found. Where links
// are not to be followed at all, so is each.

#include <memory>
#include <string>

#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/base/virtual_path.hpp>
#include <sallyport/vfs/filesystem.hpp>

namespace sallyport::vfs {

class root_directory {
public:
    /// errc::unsupported where the kernel has no openat2.
    [[nodiscard]] static result<std::shared_ptr<const root_directory>> open(const std::string& path,
                                                                            bool follow_links = true);

    /// `flags` as for open(2), without O_CREAT; O_CLOEXEC is added. Temporary names of uploads are errc::not_found. With
    /// may_block::no, errc::busy where the look-up is not answered by the kernel's cache alone.
    [[nodiscard]] result<unique_fd> open(const virtual_path& path, int flags, may_block wait) const;

    /// Where an entry is made, replaced or removed: its directory, held open, and its name. Whatever happens to the path
    /// meanwhile, work relative to this descriptor stays in this directory.
    struct entry_location {
        unique_fd parent;
        std::string name;
    };
    /// The root itself is errc::permission, a temporary name errc::name_invalid. `parent` is O_PATH; for syncing it is
    /// opened O_RDONLY, unless it is a drop box that we may write but not read.
    enum class use : bool { change, sync };
    [[nodiscard]] result<entry_location> locate(const virtual_path& path, use purpose = use::change,
                                                may_block wait = may_block::yes) const;

private:
    root_directory(unique_fd fd, bool follow_links) : fd_(std::move(fd)), follow_links_(follow_links) {}
    unique_fd fd_;
    bool follow_links_;
};

/// Whether this is on a file system whose content is memory in any case.
[[nodiscard]] bool is_memory_backed(int fd);

/// The facts of `name` in `directory`, never of what a link points to; the directory itself where `name` is "".
/// A failure is an errno.
[[nodiscard]] std::expected<status, int> status_at(int directory, const char* name, may_block wait = may_block::yes);

}  // namespace sallyport::vfs
