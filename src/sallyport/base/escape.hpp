#pragma once
// Foreign text made safe to show: a log line, a terminal or a reply never carries raw bytes of a peer (IN-09).
// Pure functions; any thread.

#include <cstddef>
#include <string>
#include <string_view>

namespace sallyport {

/// Everything outside printable ASCII and valid UTF-8 text becomes \xNN; backslash is doubled; longer text than
/// `max_bytes` is cut with "...". Control, C1, bidi and zero-width characters are escaped too.
[[nodiscard]] std::string escape(std::string_view text, std::size_t max_bytes = 1024);

}  // namespace sallyport
