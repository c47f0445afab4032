#include <sallyport/vfs/public_view.hpp>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

namespace sallyport::vfs {
namespace {

constexpr std::uint32_t others_read = 04;
constexpr std::uint32_t others_enter = 01;

bool is_for_all(const status& s) noexcept {
    if (s.type == file_type::file) return (s.mode & others_read) != 0;
    return s.type == file_type::directory && (s.mode & others_read) != 0 && (s.mode & others_enter) != 0;
}

bool is_hidden(std::string_view name) noexcept { return name.starts_with('.'); }

class public_directory final : public directory {
public:
    explicit public_directory(std::unique_ptr<directory> all) : all_(std::move(all)) {}

    result<void> read_names(std::vector<std::string>& into) override {
        const auto before = into.size();
        for (;;) {
            const auto had = into.size();
            if (auto got = all_->read_names(into); !got) return got;
            // At the end.
            if (into.size() == had) return {};
            into.erase(std::remove_if(into.begin() + static_cast<std::ptrdiff_t>(had), into.end(), is_hidden), into.end());
            if (into.size() != before) return {};
        }
    }

    result<bool> find(entry& item) override {
        const auto found = all_->find(item);
        if (!found || !*found) return found;
        return item.link_target.empty() && is_for_all(item.facts);
    }

    result<void> rewind() override { return all_->rewind(); }

private:
    std::unique_ptr<directory> all_;
};

class public_view final : public filesystem {
public:
    explicit public_view(std::shared_ptr<filesystem> files) : files_(std::move(files)) {}

    result<status> stat(const virtual_path& path, may_block wait) override {
        if (auto above = enter(path, wait); !above) return std::unexpected(above.error());
        auto facts = files_->stat(path, wait);
        if (!facts || path.is_root() || is_for_all(*facts)) return facts;
        return fail_os(ENOENT, path.text());
    }

    result<std::unique_ptr<read_file>> open_read(const virtual_path& path, may_block wait) override {
        if (auto above = enter(path, wait); !above) return std::unexpected(above.error());
        auto file = files_->open_read(path, wait);
        if (file && is_for_all((*file)->facts())) return file;
        if (file) return fail_os(ENOENT, path.text());
        // The reason of a failure is for those only who may see the file.
        if (auto visible = stat(path, wait); !visible) return std::unexpected(visible.error());
        return file;
    }

    result<std::unique_ptr<read_file>> open_text(const virtual_path& path, may_block wait) override {
        if (auto above = stat(path.parent(), wait); !above) return std::unexpected(above.error());
        auto file = files_->open_text(path, wait);
        if (!file || is_for_all((*file)->facts())) return file;
        return fail_os(ENOENT, path.text());
    }

    result<std::unique_ptr<directory>> open_directory(const virtual_path& path) override {
        if (auto visible = stat(path, may_block::yes); !visible) return std::unexpected(visible.error());
        auto all = files_->open_directory(path);
        if (!all) return all;
        return std::make_unique<public_directory>(std::move(*all));
    }

    result<std::unique_ptr<store_file>> open_store(const virtual_path& path, store_mode mode, std::uint64_t offset,
                                                   may_block wait) override {
        if (auto free = may_create(path, wait); !free) return std::unexpected(free.error());
        return files_->open_store(path, mode, offset, wait);
    }
    result<std::unique_ptr<store_file>> open_part(const virtual_path& part, const virtual_path& path,
                                                  std::optional<std::uint64_t> offset, existing_target existing) override {
        for (const auto* each : {&path, &part})
            if (auto free = may_create(*each, may_block::yes); !free) return std::unexpected(free.error());
        return files_->open_part(part, path, offset, existing);
    }
    result<std::uint64_t> part_size(const virtual_path& part) override {
        if (auto visible = stat(part, may_block::yes); !visible) return std::unexpected(visible.error());
        return files_->part_size(part);
    }
    result<void> make_directory(const virtual_path& path) override {
        if (auto free = may_create(path, may_block::yes); !free) return free;
        return files_->make_directory(path);
    }
    result<void> remove_directory(const virtual_path& path) override {
        if (auto visible = stat(path, may_block::yes); !visible) return std::unexpected(visible.error());
        return files_->remove_directory(path);
    }
    result<void> remove_file(const virtual_path& path) override {
        if (auto visible = stat(path, may_block::yes); !visible) return std::unexpected(visible.error());
        return files_->remove_file(path);
    }
    result<void> rename(const virtual_path& from, const virtual_path& to, existing_target existing) override {
        if (auto visible = stat(from, may_block::yes); !visible) return std::unexpected(visible.error());
        if (auto free = may_create(to, may_block::yes); !free) return free;
        return files_->rename(from, to, existing);
    }
    result<void> set_modified(const virtual_path& path, std::int64_t seconds) override {
        if (auto visible = stat(path, may_block::yes); !visible) return std::unexpected(visible.error());
        return files_->set_modified(path, seconds);
    }
    result<void> set_mode(const virtual_path& path, std::uint32_t mode) override {
        if (auto visible = stat(path, may_block::yes); !visible) return std::unexpected(visible.error());
        return files_->set_mode(path, mode);
    }
    result<std::uint64_t> free_bytes(const virtual_path& directory) override {
        if (auto visible = stat(directory, may_block::yes); !visible) return std::unexpected(visible.error());
        return files_->free_bytes(directory);
    }

private:
    /// Checks whether others may enter all directories above this path.
    [[nodiscard]] result<void> enter(const virtual_path& path, may_block wait) const {
        for (auto at = path; !at.is_root(); at = at.parent()) {
            if (is_hidden(at.name())) return fail_os(ENOENT, path.text());
            const auto above = at.parent();
            if (above.is_root()) continue;
            const auto facts = files_->stat(above, wait);
            if (!facts) return std::unexpected(facts.error());
            if (!is_for_all(*facts)) return fail_os(ENOENT, path.text());
        }
        return {};
    }

    /// Checks whether the path is in a visible directory, and is not that of a hidden file.
    [[nodiscard]] result<void> may_create(const virtual_path& path, may_block wait) const {
        if (auto above = enter(path, wait); !above) return above;
        const auto old = files_->stat(path, wait);
        if (!old) return old.error().code == errc::not_found ? result<void>() : std::unexpected(old.error());
        if (is_for_all(*old)) return {};
        return fail(errc::permission, path.text());
    }

    std::shared_ptr<filesystem> files_;
};

}  // namespace

std::shared_ptr<filesystem> make_public_view(std::shared_ptr<filesystem> files) {
    return std::make_shared<public_view>(std::move(files));
}

}  // namespace sallyport::vfs
