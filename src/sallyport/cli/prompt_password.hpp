#pragma once
// Asks for a password on the terminal, without showing it; standard input and output stay free for data.

#include <string>
#include <string_view>

#include <sallyport/base/error.hpp>

namespace sallyport::cli {

/// errc::not_found where there is no terminal to ask on, errc::cancelled where the input ended without a line. A signal that
/// ends or stops the process (Ctrl-C, Ctrl-Z, SIGTERM) does so once the terminal is as it was before. Blocks; call it before
/// there are other threads.
[[nodiscard]] result<std::string> prompt_password(std::string_view prompt);

}  // namespace sallyport::cli
