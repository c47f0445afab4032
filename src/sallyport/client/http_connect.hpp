#pragma once
// The client's side of HTTP CONNECT (RFC 9110, section 9.3.6), with a login by Proxy-Authorization (Basic).
//
// Bytes in, bytes out; a value for one connection, used on one thread. After an error it has no further use.

#include <string>
#include <string_view>

#include <sallyport/base/error.hpp>
#include <sallyport/client/proxy.hpp>

namespace sallyport::client {

class http_connect_dialogue {
public:
    http_connect_dialogue(const proxy_server& proxy, const proxy_destination& to);

    /// As in socks5_dialogue; errc::syntax: no HTTP, errc::too_long: a head without end.
    [[nodiscard]] result<proxy_step> advance(std::string_view received);

private:
    [[nodiscard]] result<proxy_step> on_end() const;

    std::string request_;
    std::string to_;
    bool has_login_ = false;
    bool is_done_ = false;
    /// The head of the answer, as far as it has arrived.
    std::string head_;
};

}  // namespace sallyport::client
