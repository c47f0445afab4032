#pragma once
// Escapes text of peers for display: log lines, terminal output and replies never contain raw bytes of a peer (IN-09).
// Pure functions; any thread.

#include <cstddef>
#include <string>
#include <string_view>

namespace sallyport {

/// Replaces bytes that are neither printable ASCII nor valid UTF-8 by \xNN and doubles backslashes. Control, C1, bidi and
/// zero-width characters are replaced too. Text longer than `max_bytes` is truncated and ends in "...".
[[nodiscard]] std::string escape(std::string_view text, std::size_t max_bytes = 1024);

}  // namespace sallyport
