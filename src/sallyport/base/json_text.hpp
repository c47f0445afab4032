#pragma once
// Formats JSON strings (RFC 8259) for commands and logs. Pure functions; any thread.

#include <string>
#include <string_view>

namespace sallyport {

/// A JSON string with its quotes; control characters, C1 included, are escaped (IN-09). Names on FTP servers are not always
/// UTF-8: a byte 0xNN that is not valid UTF-8 becomes \udcNN, which Python and others convert back (PEP 383).
[[nodiscard]] std::string json_string(std::string_view text);

}  // namespace sallyport
