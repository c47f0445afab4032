#pragma once
// The way to one backend: its addresses, the connection, TLS, and its greeting, within one time limit. What is said to it is
// the FTP client's (client/connection); which addresses are never connected to, and the PROXY header, are the gateway's.
//
// Loop thread only; the arguments taken by reference must outlive the call.

#include <expected>
#include <memory>
#include <optional>
#include <string>

#include <sallyport/gate/gate.hpp>
#include <sallyport/gate/self_connection_guard.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/proto/client_settings.hpp>
#include <sallyport/proto/proxy_header.hpp>
#include <sallyport/proto/reply.hpp>

namespace sallyport::client {
class connection;
}

namespace sallyport::gate {

struct backend_connection {
    net::stream stream;
    proto::reply greeting;                               // the 220
    self_connection_guard::registration registration{};  // for as long as the connection
};

struct backend_failure {
    check_level at = check_level::tcp;
    error cause;
    int reply = 0;  // of the server, where it was that

    /// "greeting: timed out", safe to show.
    [[nodiscard]] std::string text() const;
};

[[nodiscard]] backend_failure failure_of(const proto::client_failure& failure);

/// For whom and with what a backend is connected to.
struct backend_access {
    proto::proxy_header client;
    std::optional<net::tls_client_context> tls;
    net::keepalive keepalive;
    self_connection_guard* guard = nullptr;
    std::string user;  // for login()
    std::string password;
};

struct opened_backend {
    std::unique_ptr<client::connection> connection;
    self_connection_guard::registration registration{};  // for as long as the connection
};

/// The connection that reach_backend() makes, to go on with as an FTP client. `up_to` beyond TLS: the login is left to the
/// caller, as its limit is another one.
net::task<std::expected<opened_backend, backend_failure>> open_backend(net::loop& loop, backend to, backend_access access,
                                                                       net::time_limit limit, check_level up_to);

/// Connects, says for which client where the backend wants to know (PROXY), and waits for the greeting (120 is waited out,
/// RFC 959 section 5.4); with explicit TLS also AUTH TLS and the handshake. A greeting other than 220, or a refused AUTH, is
/// errc::rejected with the backend's words: another one may have room. A check that looks at less stops at its stage; after
/// `tcp` there is no greeting. An address that is our own is never connected to.
net::task<std::expected<backend_connection, backend_failure>> connect_to_backend(
    net::loop& loop, const backend& to, const proto::proxy_header& client, const std::optional<net::tls_client_context>& tls,
    const net::keepalive& keepalive, self_connection_guard& guard, net::time_limit limit,
    check_level up_to = check_level::tls);

}  // namespace sallyport::gate
