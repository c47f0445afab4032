#pragma once
// The forms in which FTP names an endpoint: PORT and 227 (RFC 959), EPRT and 229 (RFC 2428). Strict ranges, both ways.
//
// Parsers take exact shapes and nothing else: decimal numbers of one to three (octets) or five (ports) digits, no signs,
// no blanks but those after a comma of PORT, which some clients write, port 1..65535. Whether an address may be used is the
// caller's policy (DC-01, CL-01), not the parser's.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>

namespace sallyport::proto {

/// "192,168,1,2,7,138", or with blanks after the commas. errc::syntax otherwise.
[[nodiscard]] result<endpoint> parse_host_port(std::string_view text);
/// REQUIRES: e.address.is_v4().
[[nodiscard]] std::string format_host_port(const endpoint& e);

/// The text of a 227: the six numbers in parentheses, or, as RFC 1123 section 4.1.2.6 asks, wherever they stand.
[[nodiscard]] result<endpoint> parse_227(std::string_view text);
/// "Entering Passive Mode (172,16,3,4,204,173)".
[[nodiscard]] std::string format_227(const endpoint& e);

/// "|1|132.235.1.2|6275|". errc::unsupported for a protocol other than 1 and 2 (reply 522).
[[nodiscard]] result<endpoint> parse_eprt(std::string_view text);
[[nodiscard]] std::string format_eprt(const endpoint& e);

/// The text of a 229: "... (|||6446|)"; network and address fields are ignored as the RFC demands.
[[nodiscard]] result<std::uint16_t> parse_229(std::string_view text);
/// "Entering Extended Passive Mode (|||6446|)".
[[nodiscard]] std::string format_229(std::uint16_t port);

/// The argument of EPSV: empty, "1", "2" or "ALL".
enum class epsv_argument : std::uint8_t { none, ipv4, ipv6, all };
[[nodiscard]] result<epsv_argument> parse_epsv_argument(std::string_view text);

}  // namespace sallyport::proto
