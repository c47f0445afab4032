#pragma once
// FTP URLs (RFC 1738 section 3.2) as people write them. A value; any thread.
//
// ftp://         plain
// ftps://        TLS from the first byte (implicit), port 990
// ftpes://, ftp+tls://, ftps+explicit://   TLS by AUTH TLS before anything secret (explicit), port 21
//
// The path is relative to the directory that the login leads to; a doubled slash ("ftp://host//etc/motd") or %2F at its
// front makes it absolute. ";type=a" and ";type=i" at its end choose the type. Characters that a strict URL would have to
// encode (blanks, UTF-8, '#', '?') are taken as they stand.
// A link-local address names its interface: "ftp://[fe80::1%25eth0]/" (RFC 6874), or "[fe80::1%eth0]" as other programs
// print it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sallyport/base/error.hpp>

namespace sallyport::client {

enum class tls_mode : std::uint8_t { none, explicit_, implicit };

struct url {
    tls_mode tls = tls_mode::none;
    std::string host;  // name or address, IPv6 without brackets; a zone as the system writes it, fe80::1%eth0
    std::uint16_t port = 21;
    std::optional<std::string> user;
    std::optional<std::string> password;
    std::string path;    // decoded; empty: the login directory
    bool ascii = false;  // ";type=a"

    /// errc::syntax, errc::unsupported (another scheme), errc::name_invalid (CR, LF or NUL in it, CL-02).
    [[nodiscard]] static result<url> parse(std::string_view text);

    /// As it can be pasted again, without the password.
    [[nodiscard]] std::string text() const;
    /// "host:21", with brackets where needed.
    [[nodiscard]] std::string authority() const;
    /// Last component of the path; empty where it names a directory.
    [[nodiscard]] std::string_view file_name() const noexcept;
};

}  // namespace sallyport::client
