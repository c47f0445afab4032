#pragma once
// What uploads of a killed process left behind: files with temporary names (temporary_name.hpp) that nobody holds a lock on.
// An upload locks its file before it can be found under such a name, or looks afterwards whether it is still there; the
// kernel gives the lock back when the process dies. On a network file system that does not share locks between machines,
// another machine's unfinished upload can be taken for a leftover; that upload then fails, and is never published short.
//
// The functions may block on the disk, on any thread; leftover_sweep owns a thread that ends with it.

#include <cstddef>
#include <string>
#include <thread>

namespace sallyport::vfs {

/// Removes those in this directory (O_RDONLY). True where nothing else is in it.
[[nodiscard]] bool remove_leftovers(int directory);

/// Removes those in the whole tree at `root`, without following links; how many there were. Ends early where `stop` says so.
std::size_t remove_leftovers_beneath(const std::string& root, const std::stop_token& stop);

/// Does that in a thread of low priority, as a tree may be large, and logs what it has removed. Ends with this object.
class leftover_sweep {
public:
    explicit leftover_sweep(std::string root);

private:
    std::jthread thread_;
};

}  // namespace sallyport::vfs
