#pragma once
// A file system in memory, for tests of what stands above: the same meaning as the real one, without links and special
// files. Passes the same tests (filesystem_test.cpp). Any thread. Shared: lives as long as a session or a file of it.

#include <memory>
#include <string>

#include <sallyport/vfs/filesystem.hpp>

namespace sallyport::vfs {

[[nodiscard]] std::shared_ptr<filesystem> make_memory_filesystem();

/// Short hands for tests of any implementation; they throw std::runtime_error, as a test's set-up may.
void put_file(filesystem& files, const std::string& path, std::string_view content);
[[nodiscard]] std::string get_file(filesystem& files, const std::string& path);

}  // namespace sallyport::vfs
