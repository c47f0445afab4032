#include <sallyport/vfs/posix_part.hpp>

#include <cerrno>
#include <cstdio>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sallyport/vfs/file_steps.hpp>

namespace sallyport::vfs {
namespace {

struct opened_part {
    unique_fd file;
    bool is_new = false;
};

/// What counts of a part with this size.
std::uint64_t usable(std::uint64_t size) noexcept { return size == 0 ? 0 : size - 1; }

result<status> check_part(int file, const std::string& display_path) {
    const auto facts = status_at(file, "");
    if (!facts) return fail_os(facts.error(), display_path);
    if (facts->type != file_type::file || facts->links > 1 || facts->user != ::geteuid())
        return fail(errc::not_a_file, display_path);
    return *facts;
}

/// False if another open file has the lock.
bool lock(int file) {
    struct ::flock whole{};
    whole.l_type = F_WRLCK;
    return ::fcntl(file, F_OFD_SETLK, &whole) == 0 || (errno != EAGAIN && errno != EACCES);
}

bool is_locked(int file) {
    struct ::flock whole{};
    whole.l_type = F_RDLCK;
    return ::fcntl(file, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
}

result<opened_part> open_and_lock(const store_request& request, const std::string& part) {
    const int parent = request.target.parent.get();
    constexpr int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    const auto mode = static_cast<mode_t>(request.options.file_mode);
    for (int attempt = 0; attempt < 8; ++attempt) {
        opened_part out{unique_fd(::openat(parent, part.c_str(), flags | O_CREAT | O_EXCL, mode)), true};
        if (!out.file && errno == EEXIST) out = {unique_fd(::openat(parent, part.c_str(), flags)), false};
        if (!out.file && errno == ENOENT) continue;
        // A link (ELOOP), a directory, a device without its driver.
        if (!out.file && (errno == ELOOP || errno == EISDIR || errno == ENXIO))
            return fail(errc::not_a_file, request.display_path);
        if (!out.file) return fail_os(errno, request.display_path);
        if (!lock(out.file.get())) break;
        // Between opening and locking, another upload may have published or removed it.
        if (!is_named(out.file.get(), parent, part)) continue;
        if (auto good = check_part(out.file.get(), request.display_path); !good) return std::unexpected(good.error());
        if (out.is_new && request.options.exact_modes && ::fchmod(out.file.get(), mode) != 0)
            return fail_os(errno, request.display_path);
        return out;
    }
    return fail(errc::busy, request.display_path + ": another upload of this file is running; try again when it has ended");
}

class posix_part final : public store_file {
public:
    posix_part(store_request request, std::string part, unique_fd file, std::uint64_t start, bool may_replace)
        : target_(std::move(request.target)),
          part_(std::move(part)),
          display_path_(std::move(request.display_path)),
          sync_(request.options.sync),
          may_replace_(may_replace),
          file_(std::move(file)),
          size_(start) {}
    posix_part(const posix_part&) = delete;
    posix_part& operator=(const posix_part&) = delete;
    ~posix_part() override {
        const auto facts = status_at(file_.get(), "");
        if (has_begun_ && sync_ == sync_policy::full && ::fsync(file_.get()) != 0) is_sound_ = false;
        if (!is_sound_ || !facts || usable(facts->size) == 0) remove_part();
    }

    result<void> write(std::span<const char> bytes) override {
        if (auto ready = begin(); !ready) return ready;
        auto done = write_at(file_.get(), bytes, size_, display_path_);
        if (done) size_ += bytes.size();
        return done;
    }
    std::uint64_t size() const noexcept override { return size_; }
    result<void> commit() override {
        if (auto ready = begin(); !ready) return ready;
        // A failed sync is final: the kernel's copy of the file is not reliable after that (DU-01).
        if (sync_ == sync_policy::full && ::fsync(file_.get()) != 0) {
            is_sound_ = false;
            return fail_os(errno, display_path_);
        }
        const int failed = publish();
        // It can't be continued any more.
        if (failed == EEXIST) is_sound_ = false;
        if (failed != 0) return fail_os(failed, display_path_);
        remove_part();
        return sync_ == sync_policy::full ? sync_directory(parent(), file_.get(), display_path_) : result<void>{};
    }

private:
    [[nodiscard]] int parent() const noexcept { return target_.parent.get(); }

    /// What was there before is kept until something replaces it.
    result<void> begin() {
        if (!is_named(file_.get(), parent(), part_))
            return fail(errc::busy, display_path_ + ": its part was removed or renamed during the upload");
        if (std::exchange(has_begun_, true)) return {};
        if (::ftruncate(file_.get(), static_cast<off_t>(size_)) != 0) return fail_os(errno, display_path_);
        return {};
    }

    /// Returns an errno, or 0.
    [[nodiscard]] int publish() const {
        const char* const name = target_.name.c_str();
        const int failed = link_to(file_.get(), parent(), name);
        if (failed == EEXIST && may_replace_) return link_replacing(file_.get(), parent(), name);
        if (failed != EPERM && failed != EOPNOTSUPP) return failed;
        // A file system without links.
        if (!is_named(file_.get(), parent(), part_)) return ENOENT;
        const unsigned flags = may_replace_ ? 0 : RENAME_NOREPLACE;
        return ::renameat2(parent(), part_.c_str(), parent(), name, flags) == 0 ? 0 : errno;
    }

    void remove_part() const noexcept {
        if (is_named(file_.get(), parent(), part_)) ::unlinkat(parent(), part_.c_str(), 0);
    }

    root_directory::entry_location target_;
    std::string part_;
    std::string display_path_;
    sync_policy sync_;
    bool may_replace_;
    unique_fd file_;
    std::uint64_t size_;
    bool has_begun_ = false;
    bool is_sound_ = true;
};

}  // namespace

result<std::unique_ptr<store_file>> open_posix_part(store_request request, const std::string& part,
                                                    std::optional<std::uint64_t> offset, existing_target existing) {
    auto opened = open_and_lock(request, part);
    if (!opened) return std::unexpected(opened.error());
    const auto facts = status_at(opened->file.get(), "");
    if (!facts) return fail_os(facts.error(), request.display_path);
    const std::uint64_t start = offset.value_or(usable(facts->size));
    if (start > usable(facts->size)) {
        if (facts->size == 0) ::unlinkat(request.target.parent.get(), part.c_str(), 0);
        return cannot_continue(request.display_path, start, usable(facts->size));
    }
    const bool may_replace = start == 0 && existing == existing_target::replace;
    return std::make_unique<posix_part>(std::move(request), part, std::move(opened->file), start, may_replace);
}

result<std::uint64_t> posix_part_size(const root_directory::entry_location& part, const std::string& display_path) {
    const unique_fd file(
        ::openat(part.parent.get(), part.name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (!file) return fail_os(errno, display_path);
    if (is_locked(file.get())) return fail(errc::busy, display_path);
    const auto facts = check_part(file.get(), display_path);
    if (!facts) return std::unexpected(facts.error());
    if (usable(facts->size) == 0) return fail(errc::not_found, display_path);
    return usable(facts->size);
}

}  // namespace sallyport::vfs
