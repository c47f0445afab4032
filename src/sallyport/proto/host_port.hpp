#pragma once
// Parsers and writers for addresses in FTP: PORT and 227 (RFC 959), EPRT and 229 (RFC 2428).
//
// The parsers accept exact forms only: decimal numbers of one to three digits (octets) or five (ports) without signs; no
// blanks except after a comma of PORT, which some clients send; ports 1 to 65535. The caller decides whether an address may
// be used (DC-01, CL-01). Pure functions; any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>

namespace sallyport::proto {

/// "192,168,1,2,7,138", also with blanks after the commas. errc::syntax otherwise.
[[nodiscard]] result<endpoint> parse_host_port(std::string_view text);
/// REQUIRES: e.address.is_v4().
[[nodiscard]] std::string format_host_port(const endpoint& e);

/// The text of a 227: the six numbers in parentheses, or anywhere in the text (RFC 1123, section 4.1.2.6).
[[nodiscard]] result<endpoint> parse_227(std::string_view text);
/// "Entering Passive Mode (172,16,3,4,204,173)".
[[nodiscard]] std::string format_227(const endpoint& e);

/// "|1|132.235.1.2|6275|". errc::unsupported for a protocol other than 1 and 2 (reply 522).
[[nodiscard]] result<endpoint> parse_eprt(std::string_view text);
[[nodiscard]] std::string format_eprt(const endpoint& e);

/// The text of a 229: "... (|||6446|)". The fields for network and address are ignored, as RFC 2428 requires.
[[nodiscard]] result<std::uint16_t> parse_229(std::string_view text);
/// "Entering Extended Passive Mode (|||6446|)".
[[nodiscard]] std::string format_229(std::uint16_t port);

/// The argument of EPSV: empty, "1", "2" or "ALL".
enum class epsv_argument : std::uint8_t { none, ipv4, ipv6, all };
[[nodiscard]] result<epsv_argument> parse_epsv_argument(std::string_view text);

}  // namespace sallyport::proto
