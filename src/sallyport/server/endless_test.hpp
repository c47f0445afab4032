#pragma once
// Test support: a file system whose directories never end. Reading one returns only if the reader gives up its time slice or
// is cancelled. A value of the test; any thread.

#include <memory>
#include <utility>
#include <vector>

#include <sallyport/vfs/filesystem.hpp>

namespace sallyport::server {

class endless_filesystem final : public vfs::filesystem {
public:
    explicit endless_filesystem(std::shared_ptr<vfs::filesystem> real) : real_(std::move(real)) {}

    result<std::unique_ptr<vfs::directory>> open_directory(const virtual_path&) override {
        return std::make_unique<directory>();
    }

    result<vfs::status> stat(const virtual_path& path, vfs::may_block wait) override { return real_->stat(path, wait); }
    result<std::unique_ptr<vfs::read_file>> open_read(const virtual_path& path, vfs::may_block wait) override {
        return real_->open_read(path, wait);
    }
    result<std::unique_ptr<vfs::store_file>> open_store(const virtual_path& path, vfs::store_mode mode, std::uint64_t offset,
                                                        vfs::may_block wait) override {
        return real_->open_store(path, mode, offset, wait);
    }
    result<void> make_directory(const virtual_path& path) override { return real_->make_directory(path); }
    result<void> remove_directory(const virtual_path& path) override { return real_->remove_directory(path); }
    result<void> remove_file(const virtual_path& path) override { return real_->remove_file(path); }
    result<void> rename(const virtual_path& from, const virtual_path& to, vfs::existing_target existing) override {
        return real_->rename(from, to, existing);
    }
    result<void> set_modified(const virtual_path& path, std::int64_t seconds) override {
        return real_->set_modified(path, seconds);
    }
    result<void> set_mode(const virtual_path& path, std::uint32_t mode) override { return real_->set_mode(path, mode); }
    result<std::uint64_t> free_bytes(const virtual_path& directory) override { return real_->free_bytes(directory); }

private:
    class directory final : public vfs::directory {
        result<void> read_names(std::vector<std::string>& into) override {
            into.insert(into.end(), batch, "again");
            return {};
        }
        result<bool> find(vfs::entry& item) override {
            item.facts = {};
            return true;
        }
        result<void> rewind() override { return {}; }
    };

    std::shared_ptr<vfs::filesystem> real_;
};

}  // namespace sallyport::server
