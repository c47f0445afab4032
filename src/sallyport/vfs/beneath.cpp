#include <sallyport/vfs/beneath.hpp>
#include <sallyport/vfs/temporary_name.hpp>

#include <cerrno>

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <fmt/format.h>

namespace sallyport::vfs {
namespace {

int openat2(int directory, const char* path, std::uint64_t flags, std::uint64_t resolve) {
    open_how how{};
    how.flags = flags | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | resolve;
    return static_cast<int>(::syscall(SYS_openat2, directory, path, &how, sizeof how));
}

file_type type_of(unsigned mode) {
    switch (mode & S_IFMT) {
        case S_IFREG: return file_type::file;
        case S_IFDIR: return file_type::directory;
        case S_IFLNK: return file_type::link;
        default: return file_type::other;
    }
}

}  // namespace

bool is_memory_backed(int fd) {
    struct statfs facts{};
    if (::fstatfs(fd, &facts) != 0) return false;
    const auto kind = static_cast<std::uint64_t>(facts.f_type);
    return kind == TMPFS_MAGIC || kind == RAMFS_MAGIC || kind == HUGETLBFS_MAGIC;
}

std::expected<status, int> status_at(int directory, const char* name, may_block wait) {
    struct statx facts{};
    // AT_EMPTY_PATH only if it is needed, as the kernel checks the name twice with it.
    const int flags =
        AT_SYMLINK_NOFOLLOW | (*name == '\0' ? AT_EMPTY_PATH : 0) | (wait == may_block::no ? AT_STATX_DONT_SYNC : 0);
    if (::statx(directory, name, flags, STATX_BASIC_STATS, &facts) != 0) return std::unexpected(errno);
    return status{
        .type = type_of(facts.stx_mode),
        .size = facts.stx_size,
        .modified = facts.stx_mtime.tv_sec,
        .mode = facts.stx_mode & 07777U,
        .links = facts.stx_nlink,
        .user = facts.stx_uid,
        .group = facts.stx_gid,
        .device = makedev(facts.stx_dev_major, facts.stx_dev_minor),
        .inode = facts.stx_ino,
    };
}

result<std::shared_ptr<const root_directory>> root_directory::open(const std::string& path, bool follow_links) {
    unique_fd fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return fail_os(errno, path);
    const unique_fd probe(openat2(fd.get(), ".", O_PATH | O_DIRECTORY, 0));
    if (!probe && (errno == ENOSYS || errno == EPERM)) {
        return fail(errc::unsupported, fmt::format("{}: the system call openat2 is missing or forbidden, and without it no "
                                                   "directory can be served safely; use Linux 5.6 or newer, and in a "
                                                   "container a seccomp profile that allows openat2",
                                                   path));
    }
    if (!probe) return fail_os(errno, path);
    return std::shared_ptr<const root_directory>(new root_directory(std::move(fd), follow_links));
}

result<unique_fd> root_directory::open(const virtual_path& path, int flags, may_block wait) const {
    if (is_temporary_name(path.name())) return fail(errc::not_found, path.text());
    const std::string beneath(path.beneath());
    const std::uint64_t cached = wait == may_block::no ? RESOLVE_CACHED : 0;
    const std::uint64_t resolve = cached | (follow_links_ ? 0 : RESOLVE_NO_SYMLINKS);
    // EAGAIN without RESOLVE_CACHED: a rename raced with ".." in a link. Rare, and usually successful at the next try.
    for (int attempt = 0; attempt < 32; ++attempt) {
        unique_fd fd(openat2(fd_.get(), beneath.c_str(), static_cast<unsigned>(flags), resolve));
        if (fd) return fd;
        if (errno == EINTR) continue;
        if (errno == EAGAIN && cached == 0) continue;
        // EINVAL: a kernel before 5.12 does not support RESOLVE_CACHED.
        if (cached != 0 && (errno == EAGAIN || errno == EINVAL)) return fail(errc::busy, path.text());
        if (errno == EXDEV || errno == ELOOP) return fail(errc::not_found, path.text());
        // A socket, a FIFO without a reader, or a device without a driver.
        if (errno == ENXIO || errno == ENODEV) return fail(errc::not_a_file, path.text());
        return fail_os(errno, path.text());
    }
    return fail(errc::busy, path.text());
}

result<root_directory::entry_location> root_directory::locate(const virtual_path& path, use purpose, may_block wait) const {
    if (path.is_root()) return fail(errc::permission, "/: the root directory itself cannot be changed");
    if (is_temporary_name(path.name())) {
        return fail(errc::name_invalid, path.text() +
                                            ": names of this form are reserved for unfinished uploads; choose "
                                            "another");
    }
    const virtual_path above = path.parent();
    auto parent = open(above, O_DIRECTORY | (purpose == use::sync ? O_RDONLY : O_PATH), wait);
    if (!parent && purpose == use::sync && parent.error().code == errc::permission)
        parent = open(above, O_DIRECTORY | O_PATH, wait);
    if (!parent) return std::unexpected(std::move(parent).error());
    return entry_location{std::move(*parent), std::string(path.name())};
}

}  // namespace sallyport::vfs
