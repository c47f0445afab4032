#pragma once
// The server that a client of a forward proxy names: "USER anna@ftp.example.org:2121", or "OPEN ftp.example.org 2121" or
// "SITE ftp.example.org:2121" before USER. No RFC defines it; these are the forms of the firewalls of the 1990s, which
// clients still have in their settings.
//
// Values and pure functions; any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sallyport/base/error.hpp>

namespace sallyport::proto {

/// What the USER of a client may do. `off`: it is a name alone, whatever it contains. `allowed`: it names a server, or a
/// backend is chosen for it. `required`: it names a server, since there are no backends.
enum class server_naming : std::uint8_t { off, allowed, required };

struct named_server {
    // An address, or a name in lower case without the dot at its end.
    std::string host;
    // 0: none was named.
    std::uint16_t port = 0;

    /// Reads "HOST", "HOST:PORT", "[IPV6]", "[IPV6]:PORT", and with a blank before the port "HOST PORT" and "IPV6 PORT".
    /// errc::syntax: the text says what the client should send.
    [[nodiscard]] static result<named_server> parse(std::string_view text);
    /// "ftp.example.org", "ftp.example.org:2121", "[2001:db8::1]:21".
    [[nodiscard]] std::string text() const;

    friend bool operator==(const named_server&, const named_server&) = default;
};

struct named_login {
    std::string user;
    named_server server;
};

/// Splits "USER@SERVER" or "USER#SERVER" at the last of these characters, which no server's name contains: the user's name
/// may. Nothing if there is none; errc::syntax if the server or the user is missing or malformed.
[[nodiscard]] result<std::optional<named_login>> split_login(std::string_view argument);

}  // namespace sallyport::proto
