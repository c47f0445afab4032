#include <sallyport/vfs/beneath.hpp>
#include <sallyport/vfs/leftovers.hpp>
#include <sallyport/vfs/posix_directory.hpp>
#include <sallyport/vfs/posix_filesystem.hpp>
#include <sallyport/vfs/posix_part.hpp>
#include <sallyport/vfs/posix_read_file.hpp>
#include <sallyport/vfs/posix_store.hpp>

#include <array>
#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <fmt/format.h>

namespace sallyport::vfs {
namespace {

class posix_filesystem final : public filesystem {
public:
    posix_filesystem(std::shared_ptr<const root_directory> root, const posix_options& options)
        : root_(std::move(root)), options_(options) {}

    result<status> stat(const virtual_path& path, may_block wait) override {
        const auto fd = root_->open(path, O_PATH, wait);
        if (!fd) return std::unexpected(fd.error());
        const auto facts = status_at(fd->get(), "", wait);
        if (!facts) return fail_os(facts.error(), path.text());
        return *facts;
    }

    result<std::unique_ptr<read_file>> open_read(const virtual_path& path, may_block wait) override {
        return open_posix_read_file(*root_, path, wait);
    }

    result<std::unique_ptr<store_file>> open_store(const virtual_path& path, store_mode mode, std::uint64_t offset,
                                                   may_block wait) override {
        if (path.is_root()) return fail(errc::is_a_directory, path.text());
        using use = root_directory::use;
        auto target = root_->locate(path, options_.sync == sync_policy::full ? use::sync : use::change, wait);
        if (!target) return std::unexpected(std::move(target).error());
        return open_posix_store({std::move(*target), path.text(), mode, offset, wait, options_});
    }

    result<std::unique_ptr<store_file>> open_part(const virtual_path& part, const virtual_path& path,
                                                  std::optional<std::uint64_t> offset, existing_target existing) override {
        using use = root_directory::use;
        auto target = root_->locate(path, options_.sync == sync_policy::full ? use::sync : use::change);
        if (!target) return std::unexpected(std::move(target).error());
        store_request request{.target = std::move(*target), .display_path = path.text(), .options = options_};
        return open_posix_part(std::move(request), std::string(part.name()), offset, existing);
    }
    result<std::uint64_t> part_size(const virtual_path& part) override {
        const auto at = locate(part);
        if (!at) return std::unexpected(at.error());
        return posix_part_size(*at, part.text());
    }

    result<std::unique_ptr<directory>> open_directory(const virtual_path& path) override {
        return open_posix_directory(root_, path);
    }

    result<void> make_directory(const virtual_path& path) override {
        if (path.is_root()) return fail(errc::exists, path.text());
        const auto at = locate(path);
        if (!at) return std::unexpected(at.error());
        const auto mode = static_cast<mode_t>(options_.directory_mode);
        if (::mkdirat(at->parent.get(), at->name.c_str(), mode) != 0) return fail_os(errno, path.text());
        if (options_.exact_modes) {
            // Not through a link that has replaced it meanwhile.
            const unique_fd made(
                ::openat(at->parent.get(), at->name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
            if (!made || ::fchmod(made.get(), mode) != 0) return fail_os(errno, path.text());
        }
        return sync(*at, path);
    }

    result<void> remove_directory(const virtual_path& path) override {
        const auto at = locate(path);
        if (!at) return std::unexpected(at.error());
        const auto remove = [&at] { return ::unlinkat(at->parent.get(), at->name.c_str(), AT_REMOVEDIR) == 0; };
        if (remove()) return sync(*at, path);
        if (errno == ENOTEMPTY || errno == EEXIST) {
            const unique_fd full(
                ::openat(at->parent.get(), at->name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
            if (full && remove_leftovers(full.get()) && remove()) return sync(*at, path);
            return fail_os(ENOTEMPTY, path.text());
        }
        return fail_os(errno, path.text());
    }

    result<void> remove_file(const virtual_path& path) override {
        const auto at = locate(path);
        if (!at) return std::unexpected(at.error());
        if (::unlinkat(at->parent.get(), at->name.c_str(), 0) != 0) return fail_os(errno, path.text());
        return sync(*at, path);
    }

    result<void> rename(const virtual_path& from, const virtual_path& to, existing_target existing) override {
        const auto source = locate(from);
        if (!source) return std::unexpected(source.error());
        const auto target = locate(to);
        if (!target) return std::unexpected(target.error());
        if (move(*source, *target, existing)) {
            // The new name first: after a crash in between there may be both names, but never none.
            const auto synced = sync(*target, to);
            return synced && from.parent() != to.parent() ? sync(*source, from) : synced;
        }
        if (errno == EINVAL) return fail(errc::name_invalid, to.text() + ": a directory cannot be moved into itself");
        if (errno == EXDEV) return fail(errc::name_invalid, to.text() + ": on another file system; copy the file instead");
        return fail_os(errno, errno == ENOENT ? from.text() : to.text());
    }

    result<void> set_modified(const virtual_path& path, std::int64_t seconds) override {
        if (path.is_root()) return fail(errc::permission, "/: the root directory itself cannot be changed");
        const auto fd = root_->open(path, O_PATH, may_block::yes);
        if (!fd) return std::unexpected(fd.error());
        const std::array<timespec, 2> times{timespec{0, UTIME_OMIT}, timespec{static_cast<time_t>(seconds), 0}};
        if (::utimensat(fd->get(), "", times.data(), AT_EMPTY_PATH) != 0) return fail_os(errno, path.text());
        return {};
    }

    result<void> set_mode(const virtual_path& path, std::uint32_t mode) override {
        if (path.is_root()) return fail(errc::permission, "/: the root directory itself cannot be changed");
        // O_PATH: the file may have a mode that does not permit opening it.
        const auto fd = root_->open(path, O_PATH, may_block::yes);
        if (!fd) return std::unexpected(fd.error());
        // Not a device or a socket, whose mode is that of another program.
        const auto facts = status_at(fd->get(), "");
        if (!facts) return fail_os(facts.error(), path.text());
        if (facts->type != file_type::file && facts->type != file_type::directory)
            return fail(errc::not_a_file, path.text());
        // fchmod does not accept such a descriptor.
        const std::string self = fmt::format("/proc/self/fd/{}", fd->get());
        if (::chmod(self.c_str(), static_cast<mode_t>(mode & 0777U)) != 0) return fail_os(errno, path.text());
        return {};
    }

    result<std::uint64_t> free_bytes(const virtual_path& directory) override {
        const auto fd = root_->open(directory, O_PATH | O_DIRECTORY, may_block::yes);
        if (!fd) return std::unexpected(fd.error());
        struct statfs facts{};
        if (::fstatfs(fd->get(), &facts) != 0) return fail_os(errno, directory.text());
        const auto unit = facts.f_frsize > 0 ? facts.f_frsize : facts.f_bsize;
        return static_cast<std::uint64_t>(facts.f_bavail) * static_cast<std::uint64_t>(unit);
    }

private:
    using entry_location = root_directory::entry_location;

    /// False with errno.
    static bool move(const entry_location& from, const entry_location& to, existing_target existing) {
        const auto rename_with = [&](unsigned flags) {
            return ::renameat2(from.parent.get(), from.name.c_str(), to.parent.get(), to.name.c_str(), flags) == 0;
        };
        if (existing == existing_target::replace) return rename_with(0);
        if (rename_with(RENAME_NOREPLACE)) return true;
        if (errno != EINVAL && errno != ENOSYS) return false;
        // Maybe a file system without RENAME_NOREPLACE, which then has no way to do this in one step.
        if (status_at(to.parent.get(), to.name.c_str())) {
            errno = EEXIST;
            return false;
        }
        return rename_with(0);
    }

    /// The location of an entry that is changed, opened so that the change can be synced.
    [[nodiscard]] result<entry_location> locate(const virtual_path& path) const {
        using use = root_directory::use;
        return root_->locate(path, options_.sync == sync_policy::full ? use::sync : use::change);
    }

    /// Syncs a change of a name before its reply, as commit() does for uploads (DU-01).
    [[nodiscard]] result<void> sync(const entry_location& at, const virtual_path& path) const {
        if (options_.sync != sync_policy::full || ::fsync(at.parent.get()) == 0) return {};
        if (errno != EBADF) return fail_os(errno, path.text());
        // A directory that this process may write but not read: syncs the complete file system instead, by its root.
        const auto root = root_->open(virtual_path(), O_RDONLY | O_DIRECTORY, may_block::yes);
        if (!root) return std::unexpected(root.error());
        if (::syncfs(root->get()) != 0) return fail_os(errno, path.text());
        return {};
    }

    std::shared_ptr<const root_directory> root_;
    posix_options options_;
};

}  // namespace

result<std::shared_ptr<filesystem>> open_posix_filesystem(const std::string& root, const posix_options& options) {
    auto opened = root_directory::open(root, options.follow_links);
    if (!opened) return std::unexpected(std::move(opened).error());
    return std::make_shared<posix_filesystem>(std::move(*opened), options);
}

}  // namespace sallyport::vfs
