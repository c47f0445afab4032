#pragma once
// Proxies through which the client connects: SOCKS5 (RFC 1928) and HTTP CONNECT (RFC 9110, section 9.3.6). Their URLs, the
// hosts that are excepted, and what the dialogues with both have in common.
//
// Values and pure functions; any thread. Errors never contain the password.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <sallyport/base/error.hpp>

namespace sallyport::client {

enum class proxy_kind : std::uint8_t { socks5, http };

struct proxy_server {
    proxy_kind kind = proxy_kind::socks5;
    /// Name or address, IPv6 without brackets.
    std::string host;
    std::uint16_t port = 0;
    /// If empty, no login is offered.
    std::string user;
    std::string password;

    /// Reads "socks5://[USER:PASSWORD@]HOST[:1080]" (or socks5h) or "[http://][USER:PASSWORD@]HOST:PORT". errc::usage.
    [[nodiscard]] static result<proxy_server> parse(std::string_view text);
    /// "socks5://HOST:PORT", without user and password.
    [[nodiscard]] std::string text() const;
};

/// Whether `list` excepts this host from the proxy: names with their subdomains, addresses and networks, separated by commas
/// or blanks; "*" is every host (the form of NO_PROXY).
[[nodiscard]] bool is_excepted(std::string_view list, std::string_view host);

/// What a proxy is asked to connect to. It resolves the name.
struct proxy_destination {
    std::string host;
    std::uint16_t port = 0;

    /// "HOST:PORT", with brackets around an IPv6 address.
    [[nodiscard]] std::string text() const;
};

/// What follows in the dialogue with a proxy.
struct proxy_step {
    /// To be sent first.
    std::string send{};
    /// How many bytes may be read next: no more than the proxy's answer has, since the server's first bytes may follow at
    /// once. 0: the connection leads to the destination.
    std::size_t read = 0;
};

}  // namespace sallyport::client
