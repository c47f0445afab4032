#pragma once
// The little JSON (RFC 8259) that commands and logs print. Pure functions; any thread.

#include <string>
#include <string_view>

namespace sallyport {

/// A string with its quotes, in which no control character stands as itself, C1 among them (IN-09). Names on FTP servers
/// need not be UTF-8: a byte 0xNN that is not becomes \udcNN, which Python and others turn back into the byte (PEP 383).
[[nodiscard]] std::string json_string(std::string_view text);

}  // namespace sallyport
