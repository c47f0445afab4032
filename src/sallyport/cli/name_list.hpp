#pragma once
// Lists of URLs and file names for --from-file. Pure functions, and one that reads a file; any thread.

#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/error.hpp>

namespace sallyport::cli {

/// The lines of a text; if it has a NUL byte, what is between NUL bytes. Empty ones are left out.
[[nodiscard]] std::vector<std::string> names_in(std::string_view text);

/// Appends the names in this file ("-": standard input); nothing if `file` is empty.
[[nodiscard]] result<void> add_listed_names(const std::string& file, std::vector<std::string>& names);

}  // namespace sallyport::cli
