#pragma once
// Removes the files of uploads whose process was killed: files with temporary names (temporary_name.hpp) that no process has
// locked.
//
// An upload locks its file before it gets such a name, or checks afterwards that the file still exists; the kernel releases
// the lock when the process ends. On a network file system that does not share locks between machines, the unfinished upload
// of another machine can be removed; that upload then fails, and no incomplete file is published.
//
// The functions may block on the disk, on any thread; leftover_sweep owns a thread that ends with it.

#include <cstddef>
#include <string>
#include <thread>
#include <vector>

namespace sallyport::vfs {

/// Removes leftovers in this directory (O_RDONLY). Returns true if the directory is empty then.
[[nodiscard]] bool remove_leftovers(int directory);

/// Removes leftovers in the complete tree at `root`, without following links, and returns their number. Ends early if `stop`
/// is requested.
std::size_t remove_leftovers_beneath(const std::string& root, const std::stop_token& stop);

/// Does that in a thread of low priority for one tree after the other, as they may be large, and logs how many files it has
/// removed. The thread ends
/// with this object.
class leftover_sweep {
public:
    explicit leftover_sweep(std::vector<std::string> roots);

private:
    std::jthread thread_;
};

}  // namespace sallyport::vfs
