#pragma once
// Test support: a file system that forwards each call to another one, for tests that change a few of them. Owned by its
// test, as is the other one. Any thread.

#include <memory>
#include <utility>

#include <sallyport/vfs/filesystem.hpp>

namespace sallyport::vfs {

class forwarding_filesystem : public filesystem {
public:
    explicit forwarding_filesystem(std::shared_ptr<filesystem> real) : real_(std::move(real)) {}

    result<status> stat(const virtual_path& path, may_block wait) override { return real_->stat(path, wait); }
    result<std::unique_ptr<read_file>> open_read(const virtual_path& path, may_block wait) override {
        return real_->open_read(path, wait);
    }
    result<std::unique_ptr<store_file>> open_store(const virtual_path& path, store_mode mode, std::uint64_t offset,
                                                   may_block wait) override {
        return real_->open_store(path, mode, offset, wait);
    }
    result<std::unique_ptr<store_file>> open_part(const virtual_path& part, const virtual_path& path,
                                                  std::optional<std::uint64_t> offset, existing_target existing) override {
        return real_->open_part(part, path, offset, existing);
    }
    result<std::uint64_t> part_size(const virtual_path& part) override { return real_->part_size(part); }
    result<std::unique_ptr<directory>> open_directory(const virtual_path& path) override {
        return real_->open_directory(path);
    }
    result<void> make_directory(const virtual_path& path) override { return real_->make_directory(path); }
    result<void> remove_directory(const virtual_path& path) override { return real_->remove_directory(path); }
    result<void> remove_file(const virtual_path& path) override { return real_->remove_file(path); }
    result<void> rename(const virtual_path& from, const virtual_path& to, existing_target existing) override {
        return real_->rename(from, to, existing);
    }
    result<void> set_modified(const virtual_path& path, std::int64_t seconds) override {
        return real_->set_modified(path, seconds);
    }
    result<void> set_mode(const virtual_path& path, std::uint32_t mode) override { return real_->set_mode(path, mode); }
    result<std::uint64_t> free_bytes(const virtual_path& directory) override { return real_->free_bytes(directory); }

private:
    std::shared_ptr<filesystem> real_;
};

}  // namespace sallyport::vfs
