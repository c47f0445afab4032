#pragma once
// Changes of directories and files on the server, over the connections of a pool. Coroutines on the pool's home loop, which
// own their arguments; the pool outlives them.

#include <string>
#include <vector>

#include <sallyport/client/pool.hpp>
#include <sallyport/client/remote_tree.hpp>

namespace sallyport::client {

/// "/a", "/a/b" of "/a/b": each directory on the way to the path, and the path itself.
[[nodiscard]] std::vector<std::string> directories_of(const std::string& path);

/// Makes these directories in order. One that the server refuses to make may exist already, so CWD decides. Returns those
/// that do not exist afterwards, without what is below them, each with the reason why it was refused.
net::task<std::vector<remote_problem>> make_directories(pool& connections, std::vector<std::string> paths);

// What a change sends; made here, since coroutines cannot hold lists in an expression that waits (g++ 12).
[[nodiscard]] change making(const std::string& directory);
[[nodiscard]] change removing_file(const std::string& path, const std::string& why = {});
[[nodiscard]] change removing_directory(const std::string& path);
[[nodiscard]] change renaming(const std::string& path, const std::string& to);
[[nodiscard]] change changing_mode(const std::string& path, const std::string& mode);

/// The failure names the entry and says what to do.
net::task<outcome<void>> apply_change(pool& connections, change what);

/// DELE or RMD.
net::task<outcome<void>> remove_file(pool& connections, std::string path);
net::task<outcome<void>> remove_directory(pool& connections, std::string path);

}  // namespace sallyport::client
