#include <sallyport/vfs/posix_directory.hpp>
#include <sallyport/vfs/temporary_name.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <mutex>
#include <span>
#include <string_view>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

namespace sallyport::vfs {
namespace {

/// A record of getdents64 has at least 24 bytes. The buffer is small enough that data which the kernel has loaded for a name
/// is still in the processor's cache for the statx.
constexpr std::size_t names_buffer_size = directory::batch * 24;

/// Whether this link target, relative to `from`, never goes above the root, judged by its text alone.
bool stays_beneath(const virtual_path& from, std::string_view link_target) {
    if (link_target.starts_with('/')) return false;
    auto depth = from.is_root() ? 0 : std::ranges::count(from.text(), '/');
    while (!link_target.empty()) {
        const std::string_view step = link_target.substr(0, link_target.find('/'));
        link_target.remove_prefix(std::min(link_target.size(), step.size() + 1));
        if (step.empty() || step == ".") continue;
        depth += step == ".." ? -1 : 1;
        if (depth < 0) return false;
    }
    return true;
}

class posix_directory final : public directory {
public:
    posix_directory(std::shared_ptr<const root_directory> root, virtual_path path, unique_fd fd)
        : root_(std::move(root)), path_(std::move(path)), fd_(std::move(fd)) {}

    result<void> read_names(std::vector<std::string>& into) override {
        alignas(dirent64) std::array<char, names_buffer_size> names;
        const std::size_t before = into.size();
        while (into.size() == before) {
            const result<std::size_t> filled = read_records(names);
            if (!filled) return std::unexpected(filled.error());
            if (*filled == 0) break;
            for (std::size_t at = 0; at < *filled;) {
                const auto* item = reinterpret_cast<const dirent64*>(names.data() + at);
                at += item->d_reclen;
                const std::string_view name = item->d_name;
                if (name != "." && name != ".." && !is_temporary_name(name)) into.emplace_back(name);
            }
        }
        return {};
    }

    result<bool> find(entry& item) override {
        const auto facts = status_at(fd_.get(), item.name.c_str(), may_block::no);
        if (!facts) {
            // The entry was removed meanwhile, or it is the mount point of another user or of a server that is gone. Any
            // other failure must not make an incomplete listing look complete.
            constexpr auto left_out = std::to_array({ENOENT, EACCES, ESTALE, ENOTCONN, EHOSTDOWN, EHOSTUNREACH});
            if (std::ranges::find(left_out, facts.error()) != left_out.end()) return false;
            return fail_os(facts.error(), path_.text());
        }
        item.facts = *facts;
        item.link_target.clear();
        if (facts->type == file_type::link) follow(item);
        return true;
    }

    result<void> rewind() override {
        const std::lock_guard lock(position_);
        if (::lseek(fd_.get(), 0, SEEK_SET) != 0) return fail_os(errno, path_.text());
        return {};
    }

private:
    /// Returns 0 at the end.
    result<std::size_t> read_records(std::span<char> records) {
        const std::lock_guard lock(position_);
        const ssize_t n = ::getdents64(fd_.get(), records.data(), records.size());
        if (n >= 0) return static_cast<std::size_t>(n);
        // The directory was removed meanwhile.
        if (errno == ENOENT) return 0U;
        return fail_os(errno, path_.text());
    }

    void follow(entry& link) const {
        const auto path = path_.resolve(link.name);
        if (!path) return;
        const auto fd = root_->open(*path, O_PATH, may_block::yes);
        if (fd) {
            if (const auto facts = status_at(fd->get(), "")) link.facts = *facts;
        }
        std::array<char, PATH_MAX> target{};
        const ssize_t n = ::readlinkat(fd_.get(), link.name.c_str(), target.data(), target.size());
        if (n <= 0) return;
        const std::string_view text(target.data(), static_cast<std::size_t>(n));
        // The text of a link to a target outside must not be shown. A link without a target may go outside on its way.
        if (fd || (fd.error().os == ENOENT && stays_beneath(path_, text))) link.link_target = text;
    }

    std::shared_ptr<const root_directory> root_;
    virtual_path path_;
    // Protects the position of the descriptor.
    std::mutex position_;
    unique_fd fd_;
};

}  // namespace

result<std::unique_ptr<directory>> open_posix_directory(std::shared_ptr<const root_directory> root,
                                                        const virtual_path& path) {
    auto fd = root->open(path, O_RDONLY | O_DIRECTORY, may_block::yes);
    if (!fd) return std::unexpected(std::move(fd).error());
    return std::make_unique<posix_directory>(std::move(root), path, std::move(*fd));
}

}  // namespace sallyport::vfs
