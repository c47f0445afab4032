#pragma once
// For the tests of the importers: a hash, and whether a configuration file has a line. Pure functions; any thread.

#include <string>

namespace sallyport::imports {

// MD5-crypt.
inline constexpr auto imported_hash = "$1$saltsalt$9xy1btjgzLYfb7hivXtC//";

[[nodiscard]] inline bool has_line(const std::string& text, const std::string& line) {
    return ("\n" + text).contains("\n" + line + "\n");
}

}  // namespace sallyport::imports
