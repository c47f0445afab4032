#pragma once
// FTP URLs (RFC 1738, section 3.2) as users write them. A value; any thread.
//
// ftp://         unencrypted
// ftps://        implicit TLS, port 990
// ftpes://, ftp+tls://, ftps+explicit://   explicit TLS (AUTH TLS before the login), port 21
//
// The path is relative to the directory of the login; a doubled slash ("ftp://host//etc/motd") or %2F at its beginning makes
// it absolute. ";type=a" and ";type=i" at its end select the type. Characters that a strict URL would have to encode
// (blanks, UTF-8, '#', '?') stand for themselves. A link-local address names its interface: "ftp://[fe80::1%25eth0]/" (RFC
// 6874), or "[fe80::1%eth0]" as other programs print it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sallyport/base/error.hpp>

namespace sallyport::client {

enum class tls_mode : std::uint8_t { none, explicit_, implicit };

struct url {
    tls_mode tls = tls_mode::none;
    /// Name or address, IPv6 without brackets; the zone as the system writes it, fe80::1%eth0.
    std::string host;
    std::uint16_t port = 21;
    std::optional<std::string> user;
    std::optional<std::string> password;
    /// Decoded; empty: the directory of the login.
    std::string path;
    /// ";type=a".
    bool ascii = false;
    /// The name by which a program knows this server, if the user has written that instead of a URL. Not a part of text().
    std::string site{};

    /// errc::syntax, errc::unsupported (another scheme), errc::name_invalid (CR, LF or NUL in it, CL-02).
    [[nodiscard]] static result<url> parse(std::string_view text);

    /// The URL without the password, in a form that parse() accepts.
    [[nodiscard]] std::string text() const;
    /// "host:21", with brackets where needed.
    [[nodiscard]] std::string authority() const;
    /// Last component of the path; empty if the path ends with a slash.
    [[nodiscard]] std::string_view file_name() const noexcept;
};

}  // namespace sallyport::client
