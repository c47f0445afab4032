#pragma once
// Test support: a file system whose directories never end. Reading one returns only if the reader gives up its time slice or
// is cancelled. A value of the test; any thread.

#include <memory>
#include <vector>

#include <support/forwarding_filesystem.hpp>

namespace sallyport::server {

class endless_filesystem final : public vfs::forwarding_filesystem {
public:
    using forwarding_filesystem::forwarding_filesystem;

    result<std::unique_ptr<vfs::directory>> open_directory(const virtual_path&) override {
        return std::make_unique<directory>();
    }

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
};

}  // namespace sallyport::server
