#pragma once
// Prompts for a password on the terminal without echo; standard input and output stay free for data. A function that
// keeps no state; it lives for one call and must be called before other threads exist.

#include <string>
#include <string_view>

#include <sallyport/base/error.hpp>

namespace sallyport::cli {

/// errc::not_found if there is no terminal, errc::cancelled if the input ended without a line. A signal that ends or stops
/// the process (Ctrl-C, Ctrl-Z, SIGTERM) takes effect after the terminal was restored. Blocks.
[[nodiscard]] result<std::string> prompt_password(std::string_view prompt);

}  // namespace sallyport::cli
