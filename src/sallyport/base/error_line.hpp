#pragma once
// Formats an error as one line for a terminal, a log or another process. A pure function; any thread.

#include <string>

#include <sallyport/base/error.hpp>

namespace sallyport {

/// Always one line, even if a file name contains line breaks. Wrong usage is shown without the description of its code.
[[nodiscard]] std::string line_of(const error& failure);

}  // namespace sallyport
