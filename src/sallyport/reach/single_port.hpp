#pragma once
// Single-port mode (G8): accepts all passive data connections on the control port, or on one separate port, so that a
// firewall needs to allow no other port. It finds the session that a connection belongs to. If the client's address does not
// identify it, the connection is rejected; it is never guessed. The rules:
//
// Data connections over TLS. The ClientHello asks to resume the control connection's TLS session, which identifies the
// session exactly, so any number of clients behind one address can be told apart. A ClientHello that resumes no such session
// is from a new client if the control port uses implicit TLS. Elsewhere its connection is closed, since new clients send an
// FTP command first, or nothing until they are greeted; if only one session of the address waits, its transfer fails with
// the reason (522).
//
// Unencrypted data connections. Only one session of a client address at a time may reserve the port. Other sessions of that
// address are refused (425), or get a port of the passive port range if there is one. A reservation for TLS takes
// precedence: it ends an unencrypted one of the same address (425). If a reservation ends before its connection has arrived,
// other sessions of the address are refused during the cooldown, since the connection may still arrive.
// - On a separate port, the next connection from the address is the data connection.
// - On the control port it could also be a new client, and neither sends anything before it has received 150 or 220. So all
//   connections from the address that send nothing are held until the transfer command has arrived and 20 ms and two round
//   trips have passed on every event loop; clients connect before they send the command, or at once after it. If exactly one
//   connection has been accepted by then, it is the data connection. Otherwise the transfer fails (425), and all held
//   connections are greeted as new clients. A connection on which bytes arrive is a new client that does not wait for its
//   greeting, such as lftp.
//
// Without a reservation of its address, a connection to the control port is a new client at once, and one to the separate
// port is from an unexpected peer. A connection that cannot be classified is greeted when the reservations that it could
// belong to have ended, after `max_wait` at the latest. On the control port a reservation older than `max_wait` fails its
// transfer.
//
// Thread-safe; a mutex guards the state. Owned by passive_mode; the counters outlive it.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/net/listener.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/net/tls.hpp>
#include <sallyport/reach/port_reservation.hpp>
#include <sallyport/status/counters.hpp>

namespace sallyport::reach {

struct single_port_settings {
    // Data connections arrive on the control ports.
    bool control = false;
    // Data connections arrive on this separate port; 0: none.
    std::uint16_t port = 0;
    // How long a connection to the control port may wait for its classification.
    std::chrono::milliseconds max_wait = limits::single_port_max_wait;
    // How long other sessions of an address are refused after an unused reservation for unencrypted data.
    std::chrono::milliseconds cooldown = limits::single_port_cooldown;

    [[nodiscard]] bool is_enabled() const noexcept { return control || port != 0; }
    /// Parses "control" or a port number.
    [[nodiscard]] static result<single_port_settings> parse(std::string_view text);
};

/// What a listener accepts: control connections, control connections with implicit TLS, or data connections only. In
/// single-port mode the first two may accept data connections as well.
enum class listener_kind : std::uint8_t { control, implicit_tls, data };

/// See above.
class single_port {
public:
    /// `loops`: all that accept connections; they outlive it.
    single_port(net::loop_group& loops, const single_port_settings& settings, std::optional<net::tls_server_context> tls,
                status::counters& counters);
    ~single_port();

    /// Which session needs the port. A value; the loop outlives it.
    struct reservation_request {
        net::loop& loop;
        ip_address client;
        // The local port on which the connection will arrive.
        std::uint16_t port;
        // The external port.
        std::uint16_t advertised_port;
        // The unique ID of the session.
        std::string session;
        // The TLS session ID context of the control connection; empty for unencrypted data.
        std::string tls_session_context;
        // Measured on the control connection.
        std::chrono::microseconds round_trip{};
    };
    /// The separate port; 0 if data connections arrive on the control port.
    [[nodiscard]] std::uint16_t separate_port() const noexcept;

    /// Fails with errc::port_refused if the rules do not allow unencrypted data for this session now, and after stop().
    [[nodiscard]] result<port_reservation> reserve(reservation_request request);
    /// A new process accepts the connections from now on: all reservations fail, and new ones are refused.
    void stop();

    /// Whether a connection from `client` to the local port could be a data connection.
    [[nodiscard]] bool has_reservation(const ip_address& client, std::uint16_t port) const;
    /// Delivers a data connection to the session that expects it, and closes one from an unexpected peer. Returns the
    /// connection if it is a new client. On the thread of `loop`.
    net::task<std::optional<net::accepted_connection>> classify(net::loop& loop, net::accepted_connection connection,
                                                                listener_kind kind);

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace sallyport::reach
