#pragma once
// The new path of a file that mv renames. A pure function; any thread.

#include <string>

namespace sallyport::cli {

/// `path` is from the root of the server. `target` is a name in the same directory, a path below it, or after a '/' a path
/// from the root. If it ends with '/', it is a directory, in which the name stays.
[[nodiscard]] std::string path_after_move(std::string path, const std::string& target);

}  // namespace sallyport::cli
