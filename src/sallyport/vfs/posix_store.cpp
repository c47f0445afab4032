#include <sallyport/vfs/file_steps.hpp>
#include <sallyport/vfs/posix_store.hpp>
#include <sallyport/vfs/temporary_name.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

namespace sallyport::vfs {
namespace {

// Freeing larger files takes noticeable time.
constexpr std::uint64_t max_quick_free = 1024 * 1024;
// A file up to this size that is continued is always copied, so that it is replaced atomically.
constexpr std::uint64_t max_quick_copy = 1024 * 1024;
// Copied between two looks at the clock.
constexpr std::uint64_t copy_step = 4 * 1024 * 1024;
/// Checks whether an existing entry can be the target of an upload.
result<void> check_target(const root_directory::entry_location& target, const status& old, const std::string& display_path) {
    switch (old.type) {
        case file_type::file: break;
        case file_type::directory: return fail(errc::is_a_directory, display_path);
        case file_type::link:
            return fail(errc::permission,
                        display_path + ": is a symbolic link; uploads do not follow links, delete it first");
        case file_type::other: return fail(errc::not_a_file, display_path);
    }
    if (::faccessat(target.parent.get(), target.name.c_str(), W_OK, AT_EACCESS | AT_SYMLINK_NOFOLLOW) != 0) {
        return fail_os(errno, display_path);
    }
    return {};
}

/// Whether an upload in memory is quick. There is no disk, but copying or freeing a large file takes time there too.
bool is_quick(const store_request& request, std::uint64_t old_size) {
    const bool continues = request.mode == store_mode::resume || request.mode == store_mode::append;
    return !continues && old_size <= max_quick_free;
}

/// Opens and locks the file to be continued. Returns an empty descriptor if there is none.
result<unique_fd> lock_old(const root_directory::entry_location& target, const std::string& display_path) {
    for (int attempt = 0; attempt < 8; ++attempt) {
        unique_fd old(
            ::openat(target.parent.get(), target.name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
        if (!old && errno == ENOENT) return unique_fd{};
        if (!old) return fail_os(errno, display_path);
        if (::flock(old.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) break;
        // Between opening and locking another upload may have replaced the file; then the locked file is an old one.
        if (is_named(old.get(), target.parent.get(), target.name)) return old;
    }
    return fail(errc::busy, display_path + ": another upload is continuing this file; try again when it has ended");
}

/// Opens the file `old` for writing, to append to it in place. Returns an empty descriptor if that is not allowed: the file
/// may not have another name, which could be outside the root.
unique_fd open_to_grow(const root_directory::entry_location& target, int old) {
    unique_fd file(
        ::openat(target.parent.get(), target.name.c_str(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (!file) return {};
    const auto opened = status_at(file.get(), "");
    const auto held = status_at(old, "");
    const bool can_grow = opened && held && same_file(*opened, *held) && held->links == 1;
    return can_grow ? std::move(file) : unique_fd{};
}

struct temporary {
    unique_fd file;
    // Empty if the file has no name.
    std::string name;
};

/// False with errno.
bool set_mode(const store_request& request, int file) {
    return !request.options.exact_modes || ::fchmod(file, static_cast<mode_t>(request.options.file_mode)) == 0;
}

result<temporary> make_temporary(const store_request& request) {
    const int parent = request.target.parent.get();
    const auto mode = static_cast<mode_t>(request.options.file_mode);
    if (request.unnamed) {
        unique_fd file(::openat(parent, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode));
        if (file && !set_mode(request, file.get())) return fail_os(errno, request.display_path);
        if (file) return temporary{std::move(file), {}};
        if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) return fail_os(errno, request.display_path);
    }
    for (;;) {
        std::string name = make_temporary_name();
        unique_fd file(::openat(parent, name.c_str(), O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR | O_CLOEXEC, mode));
        if (!file) return fail_os(errno, request.display_path);
        if (!set_mode(request, file.get())) return fail_os(errno, request.display_path);
        if (lock_temporary(file.get())) return temporary{std::move(file), std::move(name)};
    }
}

class posix_store final : public store_file {
public:
    using clock = std::chrono::steady_clock;

    posix_store(store_request request, temporary t, unique_fd old, std::uint64_t size)
        : target_(std::move(request.target)),
          display_path_(std::move(request.display_path)),
          sync_(request.options.sync),
          must_be_new_(request.mode == store_mode::create_only),
          file_(std::move(t.file)),
          temporary_(std::move(t.name)),
          old_(std::move(old)),
          size_(size) {
        // If there is no file to continue, one that appears meanwhile is another upload's and is not overwritten.
        if ((request.mode == store_mode::append || request.mode == store_mode::resume) && !old_) must_be_new_ = true;
    }

    posix_store(const posix_store&) = delete;
    posix_store& operator=(const posix_store&) = delete;
    ~posix_store() override {
        if (!temporary_.empty()) ::unlinkat(parent(), temporary_.c_str(), 0);
    }

    result<bool> prepare(clock::time_point until) override {
        while (!failure_ && to_copy_ > 0) {
            const std::uint64_t step = std::min(to_copy_, copy_step);
            const std::uint64_t at = size_ - to_copy_;
            if (auto copied = copy_range(old_.get(), at, file_.get(), at, step, display_path_); copied)
                to_copy_ -= step;
            else
                failure_ = copied.error();
            if (to_copy_ > 0 && clock::now() >= until) break;
        }
        if (failure_) return std::unexpected(*failure_);
        return to_copy_ == 0;
    }

    result<void> write(std::span<const char> bytes) override {
        if (auto ready = prepare(clock::time_point::max()); !ready) return std::unexpected(ready.error());
        auto done = write_at(file_.get(), bytes, size_ - grows_from_, display_path_);
        if (done) {
            size_ += bytes.size();
        } else {
            failure_ = done.error();
        }
        return done;
    }

    result<void> write_from(int pipe, std::size_t count) override {
        if (auto ready = prepare(clock::time_point::max()); !ready) return std::unexpected(ready.error());
        while (!failure_ && count > 0) {
            auto at = static_cast<loff_t>(size_ - grows_from_);
            const ssize_t n = ::splice(pipe, nullptr, file_.get(), &at, count, SPLICE_F_MOVE);
            if (n < 0 && errno == EINTR) continue;
            // The file system does not support it.
            if (n < 0 && errno == EINVAL) return store_file::write_from(pipe, count);
            if (n > 0) {
                size_ += static_cast<std::uint64_t>(n);
                count -= static_cast<std::size_t>(n);
            } else {
                failure_ = n < 0 ? error{from_errno(errno), errno, display_path_}
                                 : error{errc::io, 0, display_path_ + no_progress_text};
            }
        }
        if (failure_) return std::unexpected(*failure_);
        return {};
    }

    std::uint64_t size() const noexcept override { return size_; }

    result<void> commit() override {
        if (auto ready = prepare(clock::time_point::max()); !ready) return std::unexpected(ready.error());
        auto done = growing_ ? grow() : put_in_place();
        // Also after success: there is no second commit.
        failure_ = done ? error{errc::misuse, 0, display_path_ + ": already committed"} : done.error();
        return done;
    }

    /// Takes over the owner and the mode of the old file.
    result<void> adopt(const status& old) {
        struct ::stat now{};
        if (::fstat(file_.get(), &now) != 0) return fail_os(errno, display_path_);
        if (now.st_uid != old.user || now.st_gid != old.group) {
            // Needs a privilege; without it the file belongs to this process's user.
            static_cast<void>(!::fchown(file_.get(), old.user, old.group));
        }
        if ((now.st_mode & 07777U) != (old.mode & 0777U) && ::fchmod(file_.get(), old.mode & 0777U) != 0) {
            return fail_os(errno, display_path_);
        }
        replaces_ = true;
        old_size_ = old.size;
        return {};
    }

    /// commit() appends the new bytes to `file`, the old file opened for writing, instead of replacing it.
    void grow_at_the_end(unique_fd file) noexcept {
        growing_ = std::move(file);
        grows_from_ = size_;
    }

    /// The old content up to the start is copied by prepare().
    void copy_old_content() noexcept { to_copy_ = size_; }

private:
    int parent() const noexcept { return target_.parent.get(); }
    const char* name() const noexcept { return target_.name.c_str(); }

    result<void> check_old() const {
        const auto held = status_at(old_.get(), "");
        const auto named = status_at(parent(), name());
        if (held && named && same_file(*held, *named) && (!growing_ || held->size == grows_from_)) return {};
        return fail(errc::busy,
                    display_path_ + ": was changed, replaced or removed while it was being continued; nothing was done");
    }

    /// Appends the new bytes to the old file. A failure is undone; a crash leaves the old bytes and some of the new ones.
    result<void> grow() {
        if (auto good = check_old(); !good) return good;
        auto done = copy_range(file_.get(), 0, growing_.get(), grows_from_, size_ - grows_from_, display_path_);
        if (done && sync_ == sync_policy::full && ::fsync(growing_.get()) != 0) done = fail_os(errno, display_path_);
        if (!done) static_cast<void>(!::ftruncate(growing_.get(), static_cast<off_t>(grows_from_)));
        // Releases the lock too: the next upload may continue the file.
        old_.reset();
        return done;
    }

    result<void> put_in_place() {
        if (old_) {
            if (auto good = check_old(); !good) return good;
        }
        // A failed sync is final: the kernel's copy of the file is not reliable after that (DU-01).
        if (sync_ == sync_policy::full && ::fsync(file_.get()) != 0) return fail_os(errno, display_path_);
        // Freeing a large file takes time: the replaced file is held open until this object is destroyed, so that commit()
        // does not wait for it.
        if (old_size_ > max_quick_free) replaced_.reset(::openat(parent(), name(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
        const int failed = must_be_new_ ? publish_new() : publish_replacing();
        if (failed != 0) return fail_os(failed, display_path_);
        // Releases the lock of lock_temporary(), as the file is complete now.
        if (!std::exchange(temporary_, {}).empty()) ::flock(file_.get(), LOCK_UN);
        return sync_ == sync_policy::full ? sync_directory(parent(), file_.get(), display_path_) : result<void>{};
    }

    int publish_new() const {
        if (temporary_.empty()) return link_to(file_.get(), parent(), name());
        if (::renameat2(parent(), temporary_.c_str(), parent(), name(), RENAME_NOREPLACE) == 0) return 0;
        if (errno != EINVAL && errno != ENOSYS) return errno;
        // A file system without RENAME_NOREPLACE: link does not replace a file either.
        if (::linkat(parent(), temporary_.c_str(), parent(), name(), 0) != 0) return errno;
        ::unlinkat(parent(), temporary_.c_str(), 0);
        return 0;
    }

    int publish_replacing() const {
        if (!temporary_.empty()) return ::renameat(parent(), temporary_.c_str(), parent(), name()) == 0 ? 0 : errno;
        const int failed = replaces_ ? EEXIST : link_to(file_.get(), parent(), name());
        return failed == EEXIST ? link_replacing(file_.get(), parent(), name()) : failed;
    }

    root_directory::entry_location target_;
    std::string display_path_;
    sync_policy sync_;
    bool must_be_new_;
    // There was an old file when the upload started.
    bool replaces_ = false;
    std::uint64_t old_size_ = 0;
    unique_fd replaced_;
    unique_fd file_;
    std::string temporary_;
    // The locked file that is continued.
    unique_fd old_;
    std::uint64_t size_;
    // Bytes of the old content that are still to be copied, the last ones before the new bytes.
    std::uint64_t to_copy_ = 0;
    // The old file opened for writing, if the new bytes are appended to it. file_ contains only the new bytes then.
    unique_fd growing_;
    // The offset of the new bytes.
    std::uint64_t grows_from_ = 0;
    std::optional<error> failure_;
};

}  // namespace

result<std::unique_ptr<store_file>> open_posix_store(store_request request) {
    if (request.wait == may_block::no && !is_memory_backed(request.target.parent.get())) {
        return fail(errc::busy, request.display_path);
    }
    const auto old = status_at(request.target.parent.get(), request.target.name.c_str());
    if (!old && old.error() != ENOENT) return fail_os(old.error(), request.display_path);
    if (old) {
        if (request.mode == store_mode::create_only) return fail(errc::exists, request.display_path);
        if (auto fit = check_target(request.target, *old, request.display_path); !fit) return std::unexpected(fit.error());
    }
    if (request.wait == may_block::no && !is_quick(request, old ? old->size : 0)) {
        return fail(errc::busy, request.display_path);
    }

    unique_fd old_file;
    std::uint64_t length = 0;
    std::uint64_t start_offset = 0;
    if (request.mode == store_mode::resume || request.mode == store_mode::append) {
        auto locked = lock_old(request.target, request.display_path);
        if (!locked) return std::unexpected(std::move(locked).error());
        old_file = std::move(*locked);
        if (old_file) {
            const auto facts = status_at(old_file.get(), "");
            if (!facts) return fail_os(facts.error(), request.display_path);
            length = facts->size;
        }
        start_offset = request.mode == store_mode::append ? length : request.offset;
        if (start_offset > length) {
            return cannot_continue(request.display_path, start_offset, length);
        }
    }

    auto made = make_temporary(request);
    if (!made) return std::unexpected(std::move(made).error());
    const int from = old_file.get();
    const std::string display_path = request.display_path;
    const auto cloned = clone_start(from, made->file.get(), start_offset, display_path);
    if (!cloned) return std::unexpected(cloned.error());
    unique_fd growing;
    // Not for a file with set-id bits, which it would keep (FS-04).
    if (!*cloned && start_offset == length && start_offset > max_quick_copy && (old->mode & 07000U) == 0)
        growing = open_to_grow(request.target, from);
    auto store = std::make_unique<posix_store>(std::move(request), std::move(*made), std::move(old_file), start_offset);
    if (growing) {
        store->grow_at_the_end(std::move(growing));
        return store;
    }
    if (old) {
        if (auto adopted = store->adopt(*old); !adopted) return std::unexpected(adopted.error());
    }
    if (!*cloned) store->copy_old_content();
    return store;
}

}  // namespace sallyport::vfs
