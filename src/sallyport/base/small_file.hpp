#pragma once
// Files that are read as a whole: configuration, certificates, lists, passwords. May block on the disk; any
// thread. What was read is a value of the caller; no descriptor stays open.

#include <cstddef>
#include <string>

#include <sallyport/base/error.hpp>

namespace sallyport {

/// The content of a regular file. errc::not_a_file for directories, devices and pipes, which have no end or never answer;
/// errc::too_long beyond `most` bytes. The error's text begins with the path.
[[nodiscard]] result<std::string> read_small_file(const std::string& path, std::size_t max_bytes = std::size_t{1024} * 1024);

}  // namespace sallyport
