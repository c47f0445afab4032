#pragma once
// What a command says of a failure, as one line: the option or the file and line, the cause, the next step.

#include <string>
#include <string_view>

#include <sallyport/base/error.hpp>

namespace sallyport::cli {

/// An error that some option has led to, with that option in front. Code and cause stay.
[[nodiscard]] error about(std::string_view option, error why);

/// One line, also where a file's name holds line breaks. A wrong option is a user's mistake, and never called a bug.
[[nodiscard]] std::string line_of(const error& why);

}  // namespace sallyport::cli
