#pragma once
// Escapes text of peers for display: log lines, terminal output and replies never contain raw bytes of a peer (IN-09); and
// quotes text for shells. Pure functions; any thread.

#include <cstddef>
#include <string>
#include <string_view>

namespace sallyport {

/// Replaces bytes that are neither printable ASCII nor valid UTF-8 by \xNN and doubles backslashes. Control, C1, bidi and
/// zero-width characters are replaced too. Text longer than `max_bytes` is truncated and ends in "...".
[[nodiscard]] std::string escape(std::string_view text, std::size_t max_bytes = 1024);

/// In single quotes of a POSIX shell.
[[nodiscard]] std::string single_quoted(std::string_view text);

/// The text as one word of a POSIX shell, quoted if necessary.
[[nodiscard]] std::string shell_word(std::string_view text);

}  // namespace sallyport
