#pragma once
// The password that a program prints (--password-command). A function that keeps no state and is owned by no object; it
// waits for the program, which may use the terminal. The main thread.

#include <string>
#include <string_view>

#include <sallyport/base/error.hpp>

namespace sallyport::cli {

/// The first line of the output of a command, whose words are separated as in a shell (command_words.hpp), but that no shell
/// runs. Errors name the command, not what it has printed.
[[nodiscard]] result<std::string> password_from(std::string_view command);

}  // namespace sallyport::cli
