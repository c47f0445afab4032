#pragma once
// Runs a program of the search path, /usr/sbin or /sbin without a shell, and returns what it prints. Functions; the caller's
// thread waits, any thread. They own the process until that has ended. Errors: the program could not be started.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/base/error.hpp>

namespace sallyport::doctor {

struct program_run {
    /// Standard output.
    std::string output;
    /// In the form of waitpid(2); 0: success.
    int status = 0;
};

/// Where the messages go that the program writes to standard error.
enum class program_messages : std::uint8_t { shown, discarded };

/// Nothing if there is no such program.
[[nodiscard]] result<std::optional<program_run>> run_program(const std::vector<std::string>& words,
                                                             program_messages messages);

/// The standard output; nothing if there is no such program. A failure of the program is errc::rejected.
[[nodiscard]] result<std::optional<std::string>> output_of(const std::vector<std::string>& words);

}  // namespace sallyport::doctor
