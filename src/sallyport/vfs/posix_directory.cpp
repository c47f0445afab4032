#include <sallyport/vfs/posix_directory.hpp>
#include <sallyport/vfs/temporary_name.hpp>

#include <array>
#include <cerrno>
#include <climits>
#include <string_view>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

namespace sallyport::vfs {
namespace {

class posix_directory final : public directory {
public:
    posix_directory(std::shared_ptr<const root_directory> root, virtual_path path, unique_fd fd)
        : root_(std::move(root)), path_(std::move(path)), fd_(std::move(fd)) {}

    result<void> read(std::vector<entry>& into, std::size_t most) override {
        while (most > 0) {
            if (at_ == filled_) {
                const ssize_t n = ::getdents64(fd_.get(), buffer_.data(), buffer_.size());
                if (n < 0 && errno == ENOENT) return {};  // removed while we read it
                if (n < 0) return fail_os(errno, path_.text());
                if (n == 0) return {};
                at_ = 0;
                filled_ = static_cast<std::size_t>(n);
            }
            const auto* item = reinterpret_cast<const dirent64*>(buffer_.data() + at_);
            at_ += item->d_reclen;
            if (append(into, item->d_name)) --most;
        }
        return {};
    }

private:
    bool append(std::vector<entry>& into, const char* name) const {
        const std::string_view text = name;
        if (text == "." || text == ".." || is_temporary_name(text)) return false;
        const auto facts = status_at(fd_.get(), name, may_block::no);
        if (!facts) return false;  // vanished
        auto& added = into.emplace_back(entry{std::string(text), *facts, {}});
        if (facts->type == file_type::link) follow(added);
        return true;
    }

    void follow(entry& link) const {
        std::array<char, PATH_MAX> target{};
        const ssize_t n = ::readlinkat(fd_.get(), link.name.c_str(), target.data(), target.size());
        if (n > 0) link.link_target.assign(target.data(), static_cast<std::size_t>(n));
        const auto path = path_.resolve(link.name);
        if (!path) return;
        const auto fd = root_->open(*path, O_PATH, may_block::yes);
        if (!fd) return;
        if (const auto facts = status_at(fd->get(), "")) link.facts = *facts;
    }

    std::shared_ptr<const root_directory> root_;
    virtual_path path_;
    unique_fd fd_;
    std::size_t at_ = 0;
    std::size_t filled_ = 0;
    alignas(dirent64) std::array<char, 128 * 1024> buffer_;
};

}  // namespace

result<std::unique_ptr<directory>> open_posix_directory(std::shared_ptr<const root_directory> root,
                                                        const virtual_path& path) {
    auto fd = root->open(path, O_RDONLY | O_DIRECTORY, may_block::yes);
    if (!fd) return std::unexpected(std::move(fd).error());
    return std::make_unique<posix_directory>(std::move(root), path, std::move(*fd));
}

}  // namespace sallyport::vfs
