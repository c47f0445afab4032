#pragma once
// Test support: a file system in memory that behaves like the real one, without links and special files, and passes the same
// tests (filesystem_test.cpp). Any thread. Shared ownership: it lives as long as a session or a file of it.

#include <memory>
#include <string>

#include <sallyport/vfs/filesystem.hpp>

namespace sallyport::vfs {

[[nodiscard]] std::shared_ptr<filesystem> make_memory_filesystem();

/// Shortcuts for tests of every implementation; they throw std::runtime_error.
void put_file(filesystem& files, const std::string& path, std::string_view content);
[[nodiscard]] std::string get_file(filesystem& files, const std::string& path);

}  // namespace sallyport::vfs
