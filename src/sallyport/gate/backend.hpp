#pragma once
// Connects to one backend: its addresses, the TCP connection, TLS and the greeting, within one time limit. The FTP client
// (client/connection) sends the commands; the gateway adds the PROXY header and refuses to connect to itself.
//
// Loop thread only. Arguments taken by reference must outlive the call; the caller owns what is returned.

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

/// A connected backend, as sessions use it.
struct backend_connection {
    net::stream stream;
    // The 220.
    proto::reply greeting;
    // Held as long as the connection.
    self_connection_guard::registration registration{};
};

/// Why a backend could not be used, and how far the connection got.
struct backend_failure {
    check_level at = check_level::tcp;
    error cause;
    // The reply code, if the backend refused.
    int reply = 0;

    /// For example "greeting: timed out"; escaped for the log.
    [[nodiscard]] std::string text() const;
};

[[nodiscard]] backend_failure failure_of(const proto::client_failure& failure);

/// The client on whose behalf a backend is connected to, and the settings of the connection.
struct backend_access {
    proto::proxy_header client;
    std::optional<net::tls_client_context> tls;
    net::keepalive keepalive;
    self_connection_guard* guard = nullptr;
    // For login().
    std::string user;
    std::string password;
    // See client::connection_options.
    std::function<result<unique_fd>()> make_socket{};
};

/// A connected backend, as health checks use it: an FTP client.
struct opened_backend {
    std::unique_ptr<client::connection> connection;
    // Held as long as the connection.
    self_connection_guard::registration registration{};
};

/// Like connect_to_backend(), and returns the FTP client. Levels beyond TLS stop after TLS: the caller logs in, within
/// another time limit.
net::task<std::expected<opened_backend, backend_failure>> open_backend(net::loop& loop, backend to, backend_access access,
                                                                       net::time_limit limit, check_level up_to);

/// Connects, sends the PROXY header if the backend wants one, and waits for the greeting (also after a 120, RFC 959 section
/// 5.4); with explicit TLS also sends AUTH TLS and performs the handshake. A greeting other than 220, or a refused AUTH, is
/// errc::rejected with the backend's reply: another backend may have a free slot. `up_to` stops earlier; after `tcp` there
/// is no greeting. Addresses of the gateway itself are never connected to.
net::task<std::expected<backend_connection, backend_failure>> connect_to_backend(net::loop& loop, const backend& to,
                                                                                 backend_access access,
                                                                                 net::time_limit limit,
                                                                                 check_level up_to = check_level::tls);

}  // namespace sallyport::gate
