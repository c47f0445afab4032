#pragma once
// The backend leg of a session, and how it is established once the destination is known. What makes the destination, such as
// the pool, is a matter of the sources: see destination.hpp.
//
// Loop thread only. Owned by the session; arguments taken by reference must outlive the call.

#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <sallyport/base/log.hpp>
#include <sallyport/gate/backend.hpp>
#include <sallyport/gate/destination.hpp>
#include <sallyport/gate/session_context.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/proto/proxy_header.hpp>
#include <sallyport/proto/reply.hpp>

namespace sallyport::gate {

/// The control connection of the backend leg, and its destination.
struct backend_leg {
    destination server;
    net::stream stream;
    // Held as long as the connection.
    self_connection_guard::registration registration;
    // For an intercepted session, once it is known: the client's address as the server sees it, after NAT on this machine.
    std::optional<ip_address> translated{};

    /// Starts TLS as the client. `host`: the name that the backend's certificate must have.
    net::task<result<void>> start_tls(const net::tls_client_context& settings, std::string host, net::deadline until);
    void close() {
        stream.close();
        registration = {};
        server.release();
    }
};

/// What a connection to the destination takes from the client leg.
struct leg_request {
    // Its source is the client; sent to backends that take PROXY headers.
    proto::proxy_header client{};
    // For backends with ?tls=match.
    bool client_tls = false;
    // `tcp` for TLS passthrough, where the greeting is read by the client.
    check_level up_to = check_level::tls;
    // Returns the socket for the connection, if it has an address of its own; empty: one of this machine is made.
    std::function<result<unique_fd>()> make_socket{};
};

/// A backend leg whose server has sent its greeting.
struct established_leg {
    backend_leg leg;
    proto::reply greeting;
};

/// Why a session gets no backend leg.
struct no_leg {
    // For the client.
    std::string_view reason;
    // The client may not have this destination. It is refused like a wrong password.
    bool not_permitted = false;
};

/// Connects to the destination, within the time limit for one backend, and reports the outcome to it. A failure is logged.
net::task<std::expected<established_leg, backend_failure>> establish_leg(
    net::loop& loop, const session_context& gate, destination to, leg_request request,
    std::function<void(log::level, std::string_view)> log);

}  // namespace sallyport::gate
