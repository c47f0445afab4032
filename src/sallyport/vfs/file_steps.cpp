#include <sallyport/vfs/file_steps.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <fmt/format.h>

#include <sallyport/vfs/beneath.hpp>
#include <sallyport/vfs/temporary_name.hpp>

namespace sallyport::vfs {

result<void> write_at(int fd, std::span<const char> bytes, std::uint64_t offset, const std::string& display_path) {
    while (!bytes.empty()) {
        const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_os(errno, display_path);
        if (n == 0) return fail(errc::io, display_path + no_progress_text);
        bytes = bytes.subspan(static_cast<std::size_t>(n));
        offset += static_cast<std::uint64_t>(n);
    }
    return {};
}

namespace {

[[nodiscard]] result<void> copy_through_buffer(int from, std::uint64_t at, int to, std::uint64_t into, std::uint64_t count,
                                               const std::string& display_path) {
    std::vector<char> buffer(128 * 1024);
    for (std::uint64_t done = 0; done < count;) {
        const auto want = std::min<std::uint64_t>(buffer.size(), count - done);
        const ssize_t n = ::pread(from, buffer.data(), want, static_cast<off_t>(at + done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_os(errno, display_path);
        if (n == 0) return fail(errc::out_of_range, display_path + ": was truncated while it was copied");
        const auto got = static_cast<std::size_t>(n);
        if (auto wrote = write_at(to, std::span(buffer).first(got), into + done, display_path); !wrote) return wrote;
        done += got;
    }
    return {};
}

}  // namespace

result<void> copy_range(int from, std::uint64_t at, int to, std::uint64_t into, std::uint64_t count,
                        const std::string& display_path) {
    std::uint64_t done = 0;
    while (done < count) {
        auto in = static_cast<loff_t>(at + done);
        auto out = static_cast<loff_t>(into + done);
        const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(count - done, 1U << 30U));
        const ssize_t n = ::copy_file_range(from, &in, to, &out, want, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO)) return fail_os(errno, display_path);
        if (n <= 0) break;
        done += static_cast<std::uint64_t>(n);
    }
    return copy_through_buffer(from, at + done, to, into + done, count - done, display_path);
}

result<bool> clone_start(int from, int to, std::uint64_t count, const std::string& display_path) {
    if (count == 0 || ::ioctl(to, FICLONE, from) != 0) return false;
    if (::ftruncate(to, static_cast<off_t>(count)) != 0) return fail_os(errno, display_path);
    return true;
}

bool is_named(int file, int parent, const std::string& name) {
    const auto held = status_at(file, "");
    const auto named = status_at(parent, name.c_str());
    return held && named && same_file(*held, *named);
}

bool lock_temporary(int file) {
    if (::flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) return false;
    const auto facts = status_at(file, "");
    return !facts || facts->links > 0;
}

int link_to(int file, int parent, const char* name) noexcept {
    if (::linkat(file, "", parent, name, AT_EMPTY_PATH) == 0) return 0;
    if (errno != ENOENT) return errno;
    // Before Linux 6.10, AT_EMPTY_PATH needs a privilege.
    std::array<char, 32> self{};
    fmt::format_to_n(self.data(), self.size() - 1, "/proc/self/fd/{}", file);
    return ::linkat(AT_FDCWD, self.data(), parent, name, AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
}

int link_replacing(int file, int parent, const char* name) {
    const std::string between = make_temporary_name();
    // Before the file has a name that would make it a leftover.
    static_cast<void>(lock_temporary(file));
    if (const int refused = link_to(file, parent, between.c_str()); refused != 0) return refused;
    const int failed = ::renameat(parent, between.c_str(), parent, name) == 0 ? 0 : errno;
    if (failed != 0) ::unlinkat(parent, between.c_str(), 0);
    ::flock(file, LOCK_UN);
    return failed;
}

result<void> sync_directory(int parent, int file, const std::string& display_path) {
    if (::fsync(parent) == 0) return {};
    // EBADF: a directory that this process may write but not read, see locate(). Then the complete file system is synced.
    if (errno == EBADF && ::syncfs(file) == 0) return {};
    return fail_os(errno, display_path);
}

std::unexpected<error> cannot_continue(const std::string& display_path, std::uint64_t at, std::uint64_t length) {
    return fail(errc::out_of_range,
                fmt::format("{}: cannot continue at byte {}; the file has {} bytes", display_path, at, length));
}

}  // namespace sallyport::vfs
