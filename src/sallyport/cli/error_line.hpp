#pragma once
// What a command says of a failure, as one line: the option or the file and line, the cause, the next step.

#include <string_view>

#include <sallyport/base/error.hpp>
#include <sallyport/base/error_line.hpp>

namespace sallyport::cli {

using sallyport::line_of;

/// An error that some option has led to, with that option in front. Code and cause stay.
[[nodiscard]] error with_option(std::string_view option, error why);

}  // namespace sallyport::cli
