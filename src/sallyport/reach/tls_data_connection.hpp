#pragma once
// Accepts the passive data connection of a client over TLS. Several connections may arrive from the client's address; each
// starts its handshake, and connection_choice decides which one is the client's. The others are closed.
//
// The transfer that awaits the function owns everything; used on the session's loop.

#include <chrono>
#include <cstddef>

#include <sallyport/base/error.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/net/tls.hpp>
#include <sallyport/reach/connection_choice.hpp>
#include <sallyport/reach/port_reservation.hpp>

namespace sallyport::reach {

/// What the references refer to outlives the call.
struct tls_data_request {
    const net::tls_server_context& context;
    // Without admit_new_session.
    const net::tls_accept_options& accept;
    // Updated with the connection that is chosen.
    resumption_history& history;
    // Measured on the control connection.
    std::chrono::microseconds round_trip;
    // For each handshake.
    net::clock::duration timeout;
};

struct tls_data_connection {
    // TLS is established.
    net::stream stream;
    // How many other connections from the client's address were closed.
    std::size_t others = 0;
};

/// Called after the transfer command and the 150, as many clients start TLS only then. `port` collects and outlives the
/// call; `first` is the connection that it has delivered. Fails with errc::cancelled after port.cancel(), otherwise with the
/// reason of the first failure.
net::task<result<tls_data_connection>> accept_tls_data(port_reservation& port, net::stream first, tls_data_request request);

}  // namespace sallyport::reach
