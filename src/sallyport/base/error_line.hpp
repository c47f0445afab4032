#pragma once
// An error as one line for a terminal, a log or another process. A pure function, for any thread; it keeps nothing of what
// it gets.

#include <string>

#include <sallyport/base/error.hpp>

namespace sallyport {

/// One line, also if a file's name holds line breaks. A wrong option is a user's mistake, and never called a bug.
[[nodiscard]] std::string line_of(const error& failure);

}  // namespace sallyport
