#pragma once
// The client's side of a SOCKS5 dialogue: CONNECT (RFC 1928), with user name and password if the proxy asks for them (RFC
// 1929).
//
// Bytes in, bytes out; a value for one connection, used on one thread. After an error it has no further use.

#include <string>
#include <string_view>

#include <sallyport/base/error.hpp>
#include <sallyport/client/proxy.hpp>

namespace sallyport::client {

class socks5_dialogue {
public:
    /// The host of `to` has at most 255 bytes.
    socks5_dialogue(const proxy_server& proxy, proxy_destination to);

    /// `received`: what was read since the last call, nothing at first. errc::refused, errc::unreachable and errc::timeout:
    /// the proxy can't reach the destination. Other errors concern the proxy itself: errc::login_refused, errc::not_allowed,
    /// errc::unsupported, errc::syntax (no SOCKS5), errc::rejected, errc::usage.
    [[nodiscard]] result<proxy_step> advance(std::string_view received);

private:
    enum class state : unsigned char { start, method, login, reply, done };

    [[nodiscard]] result<proxy_step> on_method();
    [[nodiscard]] result<proxy_step> on_login();
    [[nodiscard]] result<proxy_step> on_reply();
    [[nodiscard]] result<proxy_step> request();

    state state_ = state::start;
    std::string user_;
    std::string password_;
    proxy_destination to_;
    /// The part of the answer that has arrived.
    std::string answer_;
};

}  // namespace sallyport::client
