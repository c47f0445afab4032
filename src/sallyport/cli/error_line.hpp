#pragma once
// Formats the error of a command as one line: the option, or the file and line; the cause; the next step. Pure functions
// on values; any thread.

#include <string_view>

#include <sallyport/base/error.hpp>
#include <sallyport/base/error_line.hpp>

namespace sallyport::cli {

using sallyport::line_of;

/// The error, prefixed with the option that caused it. Code and cause are unchanged.
[[nodiscard]] error with_option(std::string_view option, error why);

}  // namespace sallyport::cli
