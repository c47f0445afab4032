#include <support/faulty_filesystem.hpp>

#include <algorithm>

namespace sallyport::vfs {

void fault_plan::fail_at(operation which, std::size_t nth, errc code) {
    const std::lock_guard lock(mutex_);
    faults_.push_back({which, nth, code});
}

void fault_plan::hang(operation which) {
    const std::lock_guard lock(mutex_);
    hung_.push_back(which);
}

void fault_plan::release() {
    const std::lock_guard lock(mutex_);
    hung_.clear();
    changed_.notify_all();
}

void fault_plan::wait_until_hanging(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return hanging_ >= count; });
}

std::size_t fault_plan::calls(operation which) const {
    const std::lock_guard lock(mutex_);
    const auto found = calls_.find(which);
    return found == calls_.end() ? 0 : found->second;
}

bool fault_plan::hangs(operation which) const {
    const std::lock_guard lock(mutex_);
    return std::ranges::find(hung_, which) != hung_.end();
}

result<void> fault_plan::pass(operation which, may_block wait) {
    std::unique_lock lock(mutex_);
    ++calls_[which];
    const auto hung = [&] { return std::ranges::find(hung_, which) != hung_.end(); };
    if (hung()) {
        if (wait == may_block::no) return fail(errc::busy);
        ++hanging_;
        changed_.notify_all();
        changed_.wait(lock, [&] { return !hung(); });
        --hanging_;
    }
    std::optional<errc> code;
    std::erase_if(faults_, [&](fault& f) {
        if (f.which != which || --f.left != 0) return false;
        code = f.code;
        return true;
    });
    if (code) return fail(*code, "a fault ordered by the test");
    return {};
}

namespace {

using plan_ptr = std::shared_ptr<fault_plan>;

class faulty_read_file final : public read_file {
public:
    faulty_read_file(std::unique_ptr<read_file> real, plan_ptr plan) : real_(std::move(real)), plan_(std::move(plan)) {}
    const status& facts() const noexcept override { return real_->facts(); }
    int descriptor() const noexcept override { return real_->descriptor(); }
    result<std::size_t> read_at(std::uint64_t offset, std::span<char> into, may_block wait) override {
        if (auto ok = plan_->pass(operation::read, wait); !ok) return std::unexpected(ok.error());
        return real_->read_at(offset, into, wait);
    }
    bool resident(std::uint64_t offset, std::uint64_t count) override {
        return !plan_->hangs(operation::load) && real_->resident(offset, count);
    }
    result<void> load(std::uint64_t offset, std::uint64_t count) override {
        if (auto ok = plan_->pass(operation::load); !ok) return ok;
        return real_->load(offset, count);
    }

private:
    std::unique_ptr<read_file> real_;
    plan_ptr plan_;
};

class faulty_store_file final : public store_file {
public:
    faulty_store_file(std::unique_ptr<store_file> real, plan_ptr plan) : real_(std::move(real)), plan_(std::move(plan)) {}
    result<bool> prepare(std::chrono::steady_clock::time_point until) override { return real_->prepare(until); }
    result<void> write(std::span<const char> bytes) override {
        if (auto ok = plan_->pass(operation::write); !ok) return ok;
        return real_->write(bytes);
    }
    result<void> write_from(int pipe, std::size_t count) override {
        if (auto ok = plan_->pass(operation::write); !ok) return ok;
        return real_->write_from(pipe, count);
    }
    std::uint64_t size() const noexcept override { return real_->size(); }
    result<void> commit() override {
        if (auto ok = plan_->pass(operation::commit); !ok) return ok;
        return real_->commit();
    }

private:
    std::unique_ptr<store_file> real_;
    plan_ptr plan_;
};

class faulty_directory final : public directory {
public:
    faulty_directory(std::unique_ptr<directory> real, plan_ptr plan) : real_(std::move(real)), plan_(std::move(plan)) {}
    result<void> read_names(std::vector<std::string>& into) override {
        if (auto ok = plan_->pass(operation::list); !ok) return ok;
        return real_->read_names(into);
    }
    result<bool> find(entry& item) override { return real_->find(item); }
    result<void> rewind() override { return real_->rewind(); }

private:
    std::unique_ptr<directory> real_;
    plan_ptr plan_;
};

/// Wraps the opened file, or returns the failure.
template <class Wrapper, class T>
result<std::unique_ptr<T>> wrap(result<std::unique_ptr<T>> opened, const plan_ptr& plan) {
    if (!opened) return opened;
    return std::make_unique<Wrapper>(std::move(*opened), plan);
}

class faulty_filesystem final : public filesystem {
public:
    faulty_filesystem(std::shared_ptr<filesystem> real, plan_ptr plan) : real_(std::move(real)), plan_(std::move(plan)) {}

    result<status> stat(const virtual_path& path, may_block wait) override {
        if (auto ok = plan_->pass(operation::stat, wait); !ok) return std::unexpected(ok.error());
        return real_->stat(path, wait);
    }
    result<std::unique_ptr<read_file>> open_read(const virtual_path& path, may_block wait) override {
        if (auto ok = plan_->pass(operation::open_read, wait); !ok) return std::unexpected(ok.error());
        return wrap<faulty_read_file>(real_->open_read(path, wait), plan_);
    }
    result<std::unique_ptr<store_file>> open_store(const virtual_path& path, store_mode mode, std::uint64_t offset,
                                                   may_block wait) override {
        if (wait == may_block::no && (plan_->hangs(operation::write) || plan_->hangs(operation::commit)))
            return fail(errc::busy);
        if (auto ok = plan_->pass(operation::open_store, wait); !ok) return std::unexpected(ok.error());
        return wrap<faulty_store_file>(real_->open_store(path, mode, offset, wait), plan_);
    }
    result<std::unique_ptr<store_file>> open_part(const virtual_path& part, const virtual_path& path,
                                                  std::optional<std::uint64_t> offset, existing_target existing) override {
        if (auto ok = plan_->pass(operation::open_store); !ok) return std::unexpected(ok.error());
        return wrap<faulty_store_file>(real_->open_part(part, path, offset, existing), plan_);
    }
    result<std::unique_ptr<directory>> open_directory(const virtual_path& path) override {
        if (auto ok = plan_->pass(operation::open_directory); !ok) return std::unexpected(ok.error());
        return wrap<faulty_directory>(real_->open_directory(path), plan_);
    }
    result<void> make_directory(const virtual_path& path) override {
        return change([&] { return real_->make_directory(path); });
    }
    result<void> remove_directory(const virtual_path& path) override {
        return change([&] { return real_->remove_directory(path); });
    }
    result<void> remove_file(const virtual_path& path) override {
        return change([&] { return real_->remove_file(path); });
    }
    result<void> rename(const virtual_path& from, const virtual_path& to, existing_target existing) override {
        return change([&] { return real_->rename(from, to, existing); });
    }
    result<void> set_modified(const virtual_path& path, std::int64_t seconds) override {
        return change([&] { return real_->set_modified(path, seconds); });
    }
    result<void> set_mode(const virtual_path& path, std::uint32_t mode) override {
        return change([&] { return real_->set_mode(path, mode); });
    }
    result<std::uint64_t> free_bytes(const virtual_path& directory) override { return real_->free_bytes(directory); }

private:
    template <class Work>
    result<void> change(Work work) {
        if (auto ok = plan_->pass(operation::change); !ok) return ok;
        return work();
    }

    std::shared_ptr<filesystem> real_;
    plan_ptr plan_;
};

}  // namespace

std::shared_ptr<filesystem> make_faulty_filesystem(std::shared_ptr<filesystem> real, std::shared_ptr<fault_plan> plan) {
    return std::make_shared<faulty_filesystem>(std::move(real), std::move(plan));
}

}  // namespace sallyport::vfs
