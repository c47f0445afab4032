#include <sallyport/vfs/quota.hpp>

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace sallyport::vfs {
namespace {

// Between two counts because of a refusal: a full home must not keep the disk busy.
constexpr auto min_age_of_count = std::chrono::seconds(10);
constexpr std::size_t max_depth = 1000;

struct amount {
    std::int64_t bytes = 0;
    std::int64_t files = 0;

    amount& operator+=(const amount& more) noexcept {
        bytes += more.bytes;
        files += more.files;
        return *this;
    }
    amount& operator-=(const amount& less) noexcept {
        bytes -= less.bytes;
        files -= less.files;
        return *this;
    }
    friend amount operator-(amount a, const amount& b) noexcept { return a -= b; }
    friend bool operator==(const amount&, const amount&) noexcept = default;
};

amount positive(const amount& a) noexcept {
    return {.bytes = std::max(std::int64_t{0}, a.bytes), .files = std::max(std::int64_t{0}, a.files)};
}

amount amount_of(const status& facts) noexcept {
    return {.bytes = facts.type == file_type::file ? static_cast<std::int64_t>(facts.size) : 0, .files = 1};
}

/// What is below a directory.
result<amount> count_below(filesystem& files, const virtual_path& top) {
    amount out;
    std::vector<std::pair<virtual_path, std::size_t>> open{{top, 0}};
    while (!open.empty()) {
        const auto [path, depth] = std::move(open.back());
        open.pop_back();
        const auto here = files.open_directory(path);
        // Removed meanwhile.
        if (!here && here.error().code == errc::not_found) continue;
        if (!here) return std::unexpected(here.error());
        for (std::vector<entry> batch;; batch.clear()) {
            if (auto read = (*here)->read(batch); !read) return std::unexpected(read.error());
            if (batch.empty()) break;
            for (const auto& item : batch) {
                out += amount_of(item.facts);
                if (item.facts.type != file_type::directory) continue;
                const auto below = path.resolve(item.name);
                if (!below || depth == max_depth)
                    return fail(errc::too_long, path.text() + ": the files of this home can't be counted for its quota");
                open.emplace_back(*below, depth + 1);
            }
        }
    }
    return out;
}

/// One entry, and not the target of a link; nothing if there is none.
result<amount> amount_at(filesystem& files, const virtual_path& path) {
    if (path.is_root()) return amount{};
    const auto above = files.open_directory(path.parent());
    if (!above && (above.error().code == errc::not_found || above.error().code == errc::not_a_directory)) return amount{};
    if (!above) return std::unexpected(above.error());
    entry item{.name = std::string(path.name()), .facts = {}, .link_target = {}};
    const auto found = (*above)->find(item);
    if (!found) return std::unexpected(found.error());
    return *found ? amount_of(item.facts) : amount{};
}

/// The count of one root, for all file systems with it.
class usage {
public:
    /// Held during a change, so that its difference can be measured.
    [[nodiscard]] std::unique_lock<std::mutex> lock_changes() { return std::unique_lock(changes_); }

    /// Reserves `more` if the limits permit it. REQUIRES: not locked.
    [[nodiscard]] result<void> reserve(filesystem& files, const quota_limits& limits, const amount& more) {
        if (try_reserve(limits, more)) return {};
        {
            const auto lock = lock_changes();
            if (auto counted = count(files); !counted) return counted;
        }
        return try_reserve(limits, more) ? result<void>() : refuse(limits);
    }
    /// The bytes that could be reserved now; 0 if no file could. REQUIRES: not locked.
    [[nodiscard]] result<std::uint64_t> remaining(filesystem& files, const quota_limits& limits) {
        {
            const auto lock = lock_changes();
            if (auto counted = count(files); !counted) return std::unexpected(counted.error());
        }
        const std::lock_guard lock(state_);
        if (!is_within(limits, {.bytes = 0, .files = 1})) return std::uint64_t{0};
        if (limits.bytes == 0) return UINT64_MAX;
        const std::int64_t used = std::max(std::int64_t{0}, counted_.bytes + reserved_.bytes);
        return limits.bytes - std::min(limits.bytes, static_cast<std::uint64_t>(used));
    }
    void release(const amount& reserved) noexcept {
        const std::lock_guard lock(state_);
        reserved_ -= reserved;
    }

    /// The same within a change, without counting. REQUIRES: lock_changes().
    [[nodiscard]] result<void> reserve_for_change(const quota_limits& limits, const amount& more) {
        if (more == amount{} || try_reserve(limits, more)) return {};
        return refuse(limits);
    }
    /// After a change: the difference that it has made, nothing if that is not known, instead of what was reserved for it.
    void settle(const std::optional<amount>& difference, const amount& reserved) noexcept {
        const std::lock_guard lock(state_);
        reserved_ -= reserved;
        if (difference)
            counted_ += *difference;
        else
            known_ = false;
    }

private:
    using clock = std::chrono::steady_clock;

    [[nodiscard]] static result<void> refuse(const quota_limits& limits) {
        std::string text = "the quota of this account is used up (";
        if (limits.bytes > 0) text += fmt::format("{} bytes", limits.bytes);
        if (limits.files > 0) text += fmt::format("{}{} files", limits.bytes > 0 ? ", " : "", limits.files);
        return fail(errc::quota, text + "); delete files first");
    }

    [[nodiscard]] bool is_within(const quota_limits& limits, const amount& more) const noexcept {
        const auto fits = [](std::int64_t now, std::int64_t added, std::uint64_t limit) {
            return limit == 0 || added <= 0 || now + added <= static_cast<std::int64_t>(limit);
        };
        return fits(counted_.bytes + reserved_.bytes, more.bytes, limits.bytes) &&
               fits(counted_.files + reserved_.files, more.files, limits.files);
    }
    [[nodiscard]] bool try_reserve(const quota_limits& limits, const amount& more) {
        const std::lock_guard lock(state_);
        if (!known_ || !is_within(limits, more)) return false;
        reserved_ += more;
        return true;
    }
    /// Counts the files, unless that was done lately. REQUIRES: lock_changes().
    [[nodiscard]] result<void> count(filesystem& files) {
        {
            const std::lock_guard lock(state_);
            if (known_ && clock::now() < counted_at_ + min_age_of_count) return {};
        }
        const auto found = count_below(files, virtual_path());
        if (!found) return std::unexpected(found.error());
        const std::lock_guard lock(state_);
        counted_ = *found;
        counted_at_ = clock::now();
        known_ = true;
        return {};
    }

    // Taken before state_; held while the disk is used.
    std::mutex changes_;
    std::mutex state_;
    bool known_ = false;
    clock::time_point counted_at_{};
    amount counted_;
    // By unfinished uploads, beyond the files that they replace.
    amount reserved_;
};

using root_id = std::pair<std::uint64_t, std::uint64_t>;

std::shared_ptr<usage> usage_of(const root_id& root) {
    static std::mutex mutex;
    // No longer than a file system holds the root open: another directory could get its number.
    static std::map<root_id, std::weak_ptr<usage>> all;
    const std::lock_guard lock(mutex);
    std::erase_if(all, [](const auto& known) { return known.second.expired(); });
    auto& known = all[root];
    auto found = known.lock();
    if (!found) known = found = std::make_shared<usage>();
    return found;
}

/// What the stores and the file system have in common.
struct limited_root {
    std::shared_ptr<filesystem> files;
    quota_limits limits;
    std::shared_ptr<usage> used;

    /// Makes a change of these paths, and measures what it has done, whether it succeeds or fails. `becomes`: what is at the
    /// path afterwards, if it can grow. `reserved` is released.
    template <class Change>
    result<void> change(std::initializer_list<const virtual_path*> paths, const std::optional<amount>& becomes,
                        amount reserved, Change make) const {
        const auto lock = used->lock_changes();
        const auto before = measure(paths);
        result<void> ready;
        if (!before) {
            ready = std::unexpected(before.error());
        } else if (becomes) {
            // Another change may have removed what this one would have replaced.
            const auto more = positive(*becomes - *before - reserved);
            ready = used->reserve_for_change(limits, more);
            if (ready) reserved += more;
        }
        if (!ready) {
            used->release(reserved);
            return ready;
        }
        auto done = make();
        const auto after = measure(paths);
        used->settle(after ? std::optional(*after - *before) : std::nullopt, reserved);
        return done;
    }

    [[nodiscard]] result<amount> measure(std::initializer_list<const virtual_path*> paths) const {
        amount out;
        for (const auto* path : paths) {
            const auto here = amount_at(*files, *path);
            if (!here) return here;
            out += *here;
        }
        return out;
    }
};

class limited_store final : public store_file {
public:
    /// `replaced`: what is at the path now.
    limited_store(limited_root root, virtual_path path, std::unique_ptr<store_file> store, const amount& replaced)
        : root_(std::move(root)), path_(std::move(path)), store_(std::move(store)), replaced_(replaced) {}
    ~limited_store() override {
        // The file is gone before others may use its space.
        store_.reset();
        root_.used->release(reserved_);
    }

    result<bool> prepare(std::chrono::steady_clock::time_point until) override { return store_->prepare(until); }
    result<void> write(std::span<const char> bytes) override {
        if (auto free = reserve(store_->size() + bytes.size()); !free) return free;
        return store_->write(bytes);
    }
    result<void> write_from(int pipe, std::size_t count) override {
        if (auto free = reserve(store_->size() + count); !free) return free;
        return store_->write_from(pipe, count);
    }
    [[nodiscard]] std::uint64_t size() const noexcept override { return store_->size(); }
    result<void> commit() override {
        const amount whole{.bytes = static_cast<std::int64_t>(store_->size()), .files = 1};
        return root_.change({&path_}, whole, std::exchange(reserved_, {}), [this] { return store_->commit(); });
    }

    /// Reserves what a file of this size needs beyond the one that it replaces.
    [[nodiscard]] result<void> reserve(std::uint64_t size) {
        const amount whole{.bytes = static_cast<std::int64_t>(size), .files = 1};
        const auto more = positive(whole - replaced_ - reserved_);
        if (more == amount{}) return {};
        if (auto free = root_.used->reserve(*root_.files, root_.limits, more); !free) return free;
        reserved_ += more;
        return {};
    }

private:
    const limited_root root_;
    const virtual_path path_;
    std::unique_ptr<store_file> store_;
    const amount replaced_;
    amount reserved_;
};

/// What is written to a part is on the disk at once, so it is counted at once.
class limited_part final : public store_file {
public:
    limited_part(limited_root root, virtual_path part, virtual_path path)
        : root_(std::move(root)), part_(std::move(part)), path_(std::move(path)) {}
    ~limited_part() override {
        auto close = [this]() -> result<void> {
            store_.reset();
            return {};
        };
        if (store_ != nullptr) (void)root_.change({&part_}, {}, {}, close);
    }

    [[nodiscard]] result<void> open(std::optional<std::uint64_t> offset, existing_target existing) {
        // Counts the files, if that has not been done.
        if (auto counted = root_.used->reserve(*root_.files, root_.limits, {}); !counted) return counted;
        constexpr amount one{.bytes = 0, .files = 1};
        return root_.change({&part_}, one, {}, [&]() -> result<void> {
            auto opened = root_.files->open_part(part_, path_, offset, existing);
            if (!opened) return std::unexpected(opened.error());
            store_ = std::move(*opened);
            return {};
        });
    }
    result<void> write(std::span<const char> bytes) override {
        return add(bytes.size(), [&] { return store_->write(bytes); });
    }
    result<void> write_from(int pipe, std::size_t count) override {
        return add(count, [&] { return store_->write_from(pipe, count); });
    }
    [[nodiscard]] std::uint64_t size() const noexcept override { return store_->size(); }
    result<void> commit() override {
        return root_.change({&part_, &path_}, {}, {}, [this] { return store_->commit(); });
    }

private:
    template <class Write>
    result<void> add(std::size_t count, Write write) {
        const amount more{.bytes = static_cast<std::int64_t>(count), .files = 0};
        if (auto free = root_.used->reserve(*root_.files, root_.limits, more); !free) return free;
        return root_.change({&part_}, {}, more, write);
    }

    const limited_root root_;
    const virtual_path part_;
    const virtual_path path_;
    std::unique_ptr<store_file> store_;
};

class limited_filesystem final : public filesystem {
public:
    explicit limited_filesystem(limited_root root) : root_(std::move(root)) {}

    result<status> stat(const virtual_path& path, may_block wait) override { return files().stat(path, wait); }
    result<std::unique_ptr<read_file>> open_read(const virtual_path& path, may_block wait) override {
        return files().open_read(path, wait);
    }
    result<std::unique_ptr<directory>> open_directory(const virtual_path& path) override {
        return files().open_directory(path);
    }

    result<std::unique_ptr<store_file>> open_store(const virtual_path& path, store_mode mode, std::uint64_t offset,
                                                   may_block wait) override {
        if (wait == may_block::no) return fail(errc::busy, path.text());
        auto opened = files().open_store(path, mode, offset, wait);
        if (!opened) return opened;
        const auto replaced = amount_at(files(), path);
        if (!replaced) return std::unexpected(replaced.error());
        auto out = std::make_unique<limited_store>(root_, path, std::move(*opened), *replaced);
        if (auto free = out->reserve(out->size()); !free) return std::unexpected(free.error());
        return out;
    }

    result<std::unique_ptr<store_file>> open_part(const virtual_path& part, const virtual_path& path,
                                                  std::optional<std::uint64_t> offset, existing_target existing) override {
        auto out = std::make_unique<limited_part>(root_, part, path);
        if (auto opened = out->open(offset, existing); !opened) return std::unexpected(opened.error());
        return out;
    }
    result<std::uint64_t> part_size(const virtual_path& part) override { return files().part_size(part); }

    result<void> make_directory(const virtual_path& path) override {
        constexpr amount one{.bytes = 0, .files = 1};
        if (auto free = root_.used->reserve(files(), root_.limits, one); !free) return free;
        return root_.change({&path}, {}, one, [&] { return files().make_directory(path); });
    }
    result<void> remove_directory(const virtual_path& path) override {
        return root_.change({&path}, {}, {}, [&] { return files().remove_directory(path); });
    }
    result<void> remove_file(const virtual_path& path) override {
        return root_.change({&path}, {}, {}, [&] { return files().remove_file(path); });
    }
    result<void> rename(const virtual_path& from, const virtual_path& to, existing_target existing) override {
        return root_.change({&from, &to}, {}, {}, [&] { return files().rename(from, to, existing); });
    }
    result<void> set_modified(const virtual_path& path, std::int64_t seconds) override {
        return files().set_modified(path, seconds);
    }
    result<void> set_mode(const virtual_path& path, std::uint32_t mode) override { return files().set_mode(path, mode); }
    result<std::uint64_t> free_bytes(const virtual_path& directory) override {
        const auto on_disk = files().free_bytes(directory);
        if (!on_disk) return on_disk;
        const auto within = root_.used->remaining(files(), root_.limits);
        if (!within) return within;
        return std::min(*on_disk, *within);
    }

private:
    [[nodiscard]] filesystem& files() const noexcept { return *root_.files; }

    const limited_root root_;
};

}  // namespace

result<std::shared_ptr<filesystem>> limit_files(std::shared_ptr<filesystem> files, const quota_limits& limits) {
    if (limits == quota_limits{}) return files;
    const auto root = files->stat(virtual_path(), may_block::yes);
    if (!root) return std::unexpected(root.error());
    auto used = usage_of({root->device, root->inode});
    return std::make_shared<limited_filesystem>(limited_root{std::move(files), limits, std::move(used)});
}

}  // namespace sallyport::vfs
