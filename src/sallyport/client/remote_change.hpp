#pragma once
// Changes of directories and files on the server, over the connections of a pool. Coroutines on the pool's home loop, which
// own their arguments; the pool outlives them.

#include <string>
#include <vector>

#include <sallyport/client/pool.hpp>

namespace sallyport::client {

/// "/a", "/a/b" of "/a/b": each directory on the way to the path, and the path itself.
[[nodiscard]] std::vector<std::string> directories_of(const std::string& path);

/// Makes these directories in order. One that the server refuses to make may exist already, so a refusal is no failure: if
/// it does not exist, the uploads to it are refused.
net::task<outcome<void>> make_directories(pool& connections, std::vector<std::string> paths);

/// DELE or RMD.
net::task<outcome<void>> remove_file(pool& connections, std::string path);
net::task<outcome<void>> remove_directory(pool& connections, std::string path);

}  // namespace sallyport::client
