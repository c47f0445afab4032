#pragma once
// Reads small files completely: configuration, certificates, lists, passwords. May block on the disk; any thread. The
// content is a value owned by the caller; no descriptor stays open.

#include <cstddef>
#include <string>

#include <sallyport/base/error.hpp>

namespace sallyport {

/// The content of a regular file. Errors: errc::not_a_file for directories, devices and pipes, errc::too_long for more than
/// `max_bytes` bytes. The error text starts with the path.
[[nodiscard]] result<std::string> read_small_file(const std::string& path, std::size_t max_bytes = std::size_t{1024} * 1024);

}  // namespace sallyport
