#include <sallyport/vfs/temporary_name.hpp>
#include <support/memory_filesystem.hpp>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>

#include <fmt/format.h>

namespace sallyport::vfs {
namespace {

struct node {
    status facts;
    // Content of a file; replaced as a whole, so that readers keep the version that they opened.
    std::shared_ptr<const std::string> content;
    std::map<std::string, std::shared_ptr<node>, std::less<>> children;
};

std::int64_t now() {
    return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

class memory_read_file final : public read_file {
public:
    memory_read_file(const status& facts, std::shared_ptr<const std::string> content)
        : facts_(facts), content_(std::move(content)) {}

    const status& facts() const noexcept override { return facts_; }
    int descriptor() const noexcept override { return -1; }
    result<std::size_t> read_at(std::uint64_t offset, std::span<char> into, may_block) override {
        if (offset >= content_->size()) return std::size_t{0};
        const std::size_t n = std::min(into.size(), content_->size() - static_cast<std::size_t>(offset));
        std::memcpy(into.data(), content_->data() + offset, n);
        return n;
    }
    bool resident(std::uint64_t, std::uint64_t) override { return true; }
    result<void> load(std::uint64_t, std::uint64_t) override { return {}; }

private:
    status facts_;
    std::shared_ptr<const std::string> content_;
};

class memory_directory final : public directory {
public:
    explicit memory_directory(std::vector<entry> entries) : entries_(std::move(entries)) {}
    result<void> read_names(std::vector<std::string>& into) override {
        const std::lock_guard lock(mutex_);
        for (std::size_t n = 0; n < batch && next_ < entries_.size(); ++n) into.push_back(entries_[next_++].name);
        return {};
    }
    // The entries are in the order of names.
    result<bool> find(entry& item) override {
        const auto found = std::ranges::lower_bound(entries_, item.name, {}, &entry::name);
        if (found == entries_.end() || found->name != item.name) return false;
        item = *found;
        return true;
    }
    result<void> rewind() override {
        const std::lock_guard lock(mutex_);
        next_ = 0;
        return {};
    }

private:
    std::mutex mutex_;
    std::vector<entry> entries_;
    std::size_t next_ = 0;
};

/// The tree and its lock; files being stored keep it alive.
class tree : public std::enable_shared_from_this<tree> {
public:
    tree() : root_(make(file_type::directory, 0750)) {}

    template <class Work>
    auto locked(Work work) {
        const std::lock_guard lock(mutex_);
        return work();
    }

    // The following functions require the lock.

    std::shared_ptr<node> make(file_type type, std::uint32_t mode) {
        auto made = std::make_shared<node>();
        made->facts.type = type;
        made->facts.mode = mode;
        made->facts.modified = now();
        made->facts.inode = ++last_inode_;
        made->content = std::make_shared<std::string>();
        return made;
    }

    result<std::shared_ptr<node>> find(const virtual_path& path) const {
        if (is_temporary_name(path.name())) return fail(errc::not_found, path.text());
        std::shared_ptr<node> at = root_;
        std::string_view rest = path.is_root() ? std::string_view() : path.beneath();
        while (!rest.empty()) {
            const auto slash = rest.find('/');
            if (at->facts.type != file_type::directory) return fail(errc::not_a_directory, path.text());
            const auto child = at->children.find(rest.substr(0, slash));
            if (child == at->children.end()) return fail(errc::not_found, path.text());
            at = child->second;
            rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
        }
        return at;
    }

    /// The directory that `path` is an entry of, for changing it.
    result<std::shared_ptr<node>> parent_of(const virtual_path& path) const {
        if (path.is_root()) return fail(errc::permission, "/: the root directory itself cannot be changed");
        if (is_temporary_name(path.name())) return fail(errc::name_invalid, path.text());
        auto parent = find(path.parent());
        if (parent && (*parent)->facts.type != file_type::directory) return fail(errc::not_a_directory, path.text());
        return parent;
    }

private:
    std::mutex mutex_;
    std::uint64_t last_inode_ = 0;
    std::shared_ptr<node> root_;
};

node* child(const node& parent, std::string_view name) {
    const auto it = parent.children.find(name);
    return it == parent.children.end() ? nullptr : it->second.get();
}

class memory_store final : public store_file {
public:
    memory_store(std::shared_ptr<tree> t, virtual_path path, store_mode mode, std::string content, std::uint64_t continued)
        : tree_(std::move(t)), path_(std::move(path)), mode_(mode), content_(std::move(content)), continued_(continued) {}

    result<void> write(std::span<const char> bytes) override {
        content_.append(bytes.data(), bytes.size());
        return {};
    }
    std::uint64_t size() const noexcept override { return content_.size(); }

    result<void> commit() override {
        if (committed_) return fail(errc::misuse, path_.text() + ": already committed");
        committed_ = true;
        return tree_->locked([this]() -> result<void> {
            const auto parent = tree_->parent_of(path_);
            if (!parent) return std::unexpected(parent.error());
            const node* old = child(**parent, path_.name());
            if (old != nullptr && old->facts.type == file_type::directory) return fail(errc::is_a_directory, path_.text());
            const bool continues = mode_ == store_mode::append || mode_ == store_mode::resume;
            const bool must_be_new = mode_ == store_mode::create_only || (continues && continued_ == 0);
            if (must_be_new && old != nullptr) return fail(errc::exists, path_.text());
            if (continues && continued_ != 0 && (old == nullptr || old->facts.inode != continued_)) {
                return fail(errc::busy, path_.text());
            }
            auto made = tree_->make(file_type::file, old != nullptr ? old->facts.mode : 0640U);
            made->facts.size = content_.size();
            made->content = std::make_shared<const std::string>(std::move(content_));
            (*parent)->children.insert_or_assign(std::string(path_.name()), std::move(made));
            return {};
        });
    }

private:
    std::shared_ptr<tree> tree_;
    virtual_path path_;
    store_mode mode_;
    std::string content_;
    // Inode of the file that is continued, or 0.
    std::uint64_t continued_;
    bool committed_ = false;
};

class memory_filesystem final : public filesystem {
public:
    result<status> stat(const virtual_path& path, may_block) override {
        return tree_->locked([&]() -> result<status> {
            const auto found = tree_->find(path);
            if (!found) return std::unexpected(found.error());
            return (*found)->facts;
        });
    }

    result<std::unique_ptr<read_file>> open_read(const virtual_path& path, may_block) override {
        return tree_->locked([&]() -> result<std::unique_ptr<read_file>> {
            const auto found = tree_->find(path);
            if (!found) return std::unexpected(found.error());
            if ((*found)->facts.type == file_type::directory) return fail(errc::is_a_directory, path.text());
            return std::make_unique<memory_read_file>((*found)->facts, (*found)->content);
        });
    }

    result<std::unique_ptr<store_file>> open_store(const virtual_path& path, store_mode mode, std::uint64_t offset,
                                                   may_block) override {
        if (path.is_root()) return fail(errc::is_a_directory, path.text());
        return tree_->locked([&]() -> result<std::unique_ptr<store_file>> {
            const auto parent = tree_->parent_of(path);
            if (!parent) return std::unexpected(parent.error());
            const node* old = child(**parent, path.name());
            if (old != nullptr && mode == store_mode::create_only) return fail(errc::exists, path.text());
            if (old != nullptr && old->facts.type == file_type::directory) return fail(errc::is_a_directory, path.text());
            std::string content;
            const std::size_t length = old != nullptr ? old->content->size() : 0;
            if (mode == store_mode::resume && offset > length) return fail(errc::out_of_range, path.text());
            if (old != nullptr && mode == store_mode::resume) content = old->content->substr(0, offset);
            if (old != nullptr && mode == store_mode::append) content = *old->content;
            return std::make_unique<memory_store>(tree_, path, mode, std::move(content),
                                                  old != nullptr ? old->facts.inode : 0U);
        });
    }

    result<std::unique_ptr<directory>> open_directory(const virtual_path& path) override {
        return tree_->locked([&]() -> result<std::unique_ptr<directory>> {
            const auto found = tree_->find(path);
            if (!found) return std::unexpected(found.error());
            if ((*found)->facts.type != file_type::directory) return fail(errc::not_a_directory, path.text());
            std::vector<entry> entries;
            for (const auto& [name, item] : (*found)->children) entries.push_back({name, item->facts, {}});
            return std::make_unique<memory_directory>(std::move(entries));
        });
    }

    result<void> make_directory(const virtual_path& path) override {
        if (path.is_root()) return fail(errc::exists, path.text());
        return tree_->locked([&]() -> result<void> {
            const auto parent = tree_->parent_of(path);
            if (!parent) return std::unexpected(parent.error());
            if (child(**parent, path.name()) != nullptr) return fail(errc::exists, path.text());
            (*parent)->children.emplace(path.name(), tree_->make(file_type::directory, 0750));
            return {};
        });
    }

    result<void> remove_directory(const virtual_path& path) override { return remove(path, file_type::directory); }
    result<void> remove_file(const virtual_path& path) override { return remove(path, file_type::file); }

    result<void> rename(const virtual_path& from, const virtual_path& to, existing_target existing) override {
        return tree_->locked([&]() -> result<void> {
            const auto source = tree_->parent_of(from);
            if (!source) return std::unexpected(source.error());
            const auto target = tree_->parent_of(to);
            if (!target) return std::unexpected(target.error());
            const auto moved = (*source)->children.find(from.name());
            if (moved == (*source)->children.end()) return fail(errc::not_found, from.text());
            if (from == to) return {};
            const auto item = moved->second;
            const bool is_directory = item->facts.type == file_type::directory;
            if (is_directory && to.text().starts_with(from.text() + "/")) return fail(errc::name_invalid, to.text());
            if (const node* old = child(**target, to.name()); old != nullptr) {
                if (existing == existing_target::keep) return fail(errc::exists, to.text());
                const bool onto_directory = old->facts.type == file_type::directory;
                if (onto_directory && !is_directory) return fail(errc::is_a_directory, to.text());
                if (!onto_directory && is_directory) return fail(errc::not_a_directory, to.text());
                if (!old->children.empty()) return fail(errc::not_empty, to.text());
            }
            (*source)->children.erase(moved);
            (*target)->children.insert_or_assign(std::string(to.name()), item);
            return {};
        });
    }

    result<void> set_modified(const virtual_path& path, std::int64_t seconds) override {
        if (path.is_root()) return fail(errc::permission, path.text());
        return tree_->locked([&]() -> result<void> {
            const auto found = tree_->find(path);
            if (!found) return std::unexpected(found.error());
            (*found)->facts.modified = seconds;
            return {};
        });
    }

    result<void> set_mode(const virtual_path& path, std::uint32_t mode) override {
        if (path.is_root()) return fail(errc::permission, path.text());
        return tree_->locked([&]() -> result<void> {
            const auto found = tree_->find(path);
            if (!found) return std::unexpected(found.error());
            (*found)->facts.mode = mode & 0777U;
            return {};
        });
    }

    result<std::uint64_t> free_bytes(const virtual_path& directory) override {
        return tree_->locked([&]() -> result<std::uint64_t> {
            const auto found = tree_->find(directory);
            if (!found) return std::unexpected(found.error());
            if ((*found)->facts.type != file_type::directory) return fail(errc::not_a_directory, directory.text());
            return std::uint64_t{1} << 30U;
        });
    }

private:
    result<void> remove(const virtual_path& path, file_type type) {
        return tree_->locked([&]() -> result<void> {
            const auto parent = tree_->parent_of(path);
            if (!parent) return std::unexpected(parent.error());
            const node* found = child(**parent, path.name());
            if (found == nullptr) return fail(errc::not_found, path.text());
            if (found->facts.type != type) {
                return fail(type == file_type::file ? errc::is_a_directory : errc::not_a_directory, path.text());
            }
            if (!found->children.empty()) return fail(errc::not_empty, path.text());
            (*parent)->children.erase((*parent)->children.find(path.name()));
            return {};
        });
    }

    std::shared_ptr<tree> tree_ = std::make_shared<tree>();
};

virtual_path absolute(const std::string& path) {
    auto found = virtual_path().resolve(path);
    if (!found) throw std::runtime_error("not a path: " + path);
    return *found;
}

template <class T>
T must(result<T> r) {
    if (!r) throw std::runtime_error(r.error().text());
    if constexpr (!std::is_void_v<T>) return std::move(*r);
}

}  // namespace

std::shared_ptr<filesystem> make_memory_filesystem() { return std::make_shared<memory_filesystem>(); }

void put_file(filesystem& files, const std::string& path, std::string_view content) {
    const auto store = must(files.open_store(absolute(path), store_mode::replace, 0, may_block::yes));
    must(store->write(content));
    must(store->commit());
}

std::string get_file(filesystem& files, const std::string& path) {
    const auto file = must(files.open_read(absolute(path), may_block::yes));
    std::string content(static_cast<std::size_t>(file->facts().size), '\0');
    content.resize(must(file->read_at(0, content, may_block::yes)));
    return content;
}

}  // namespace sallyport::vfs
