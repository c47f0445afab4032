#pragma once
// Runs a program of the search path, /usr/sbin or /sbin without a shell, and returns what it prints. A function; the
// caller's thread waits, any thread. It owns the process until that has ended.

#include <optional>
#include <string>
#include <vector>

#include <sallyport/base/error.hpp>

namespace sallyport::doctor {

/// The standard output; nothing if there is no such program. A failure of the program is errc::rejected.
[[nodiscard]] result<std::optional<std::string>> output_of(const std::vector<std::string>& words);

}  // namespace sallyport::doctor
