#pragma once
// Single-port mode (G8): passive data connections come to the control port itself, or to one other port for all, so that a
// firewall needs to let in nothing else. Which session is a connection for? By the client's address alone where that is
// enough, and never by a guess. The rule:
//
// TLS data. The ClientHello asks to resume the control connection's TLS session, which names it exactly: any number of
// clients behind one address work side by side. One that resumes nothing is closed; where just one session of its address
// waits, that one is told why (522). On a plain control port a ClientHello is always data: new clients begin with FTP or
// wait to be greeted.
//
// Plain data. A session of an address may expect a plain connection only while no other session of that address expects any.
// The others are refused (425), or get a port of the range if there is one. A TLS expectation that begins meanwhile ends the
// plain one, which hears 425. One that ended before its connection came bars other sessions of the address for a while: the
// connection may still be on its way.
//   On a port of its own, the next connection of that address is the one.
//   On the control port it might be a new client, who is as silent as a data connection before 150. So all that come and say
// nothing are kept until the transfer command has come and a round trip has passed since (clients connect before they send
// it, or at once after): if just one has come by then, it is the one. If none or several have, the transfer is refused
// (425), and those who came are greeted as new clients. One that speaks is none of them: it is a new client that does not
// wait for its greeting, as lftp.
//
// A connection that comes while its address expects nothing is a new client at once, or on a port for data alone a stranger.
// One that can be neither told nor excluded is greeted when the expectations that it met are over, after `hold` at the
// latest; on a control port an expectation that old is refused its transfer.
//
// The state is guarded by a mutex; any thread.

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
    // On the control ports themselves.
    bool control = false;
    // On this port; 0: none.
    std::uint16_t port = 0;
    std::chrono::milliseconds max_wait = limits::single_port_max_wait;
    std::chrono::milliseconds cooldown = limits::single_port_cooldown;

    [[nodiscard]] bool is_enabled() const noexcept { return control || port != 0; }
    /// "control" or a number.
    [[nodiscard]] static result<single_port_settings> parse(std::string_view text);
};

/// What listens: for control connections, for those with implicit TLS, for data alone.
enum class listener_kind : std::uint8_t { control, implicit_tls, data };

class single_port {
public:
    single_port(const single_port_settings& settings, std::optional<net::tls_server_context> tls,
                status::counters& counters);
    ~single_port();

    struct reservation_request {
        net::loop& loop;
        ip_address client;
        // Ours, to which the connection will come.
        std::uint16_t port;
        // As the outside knows it.
        std::uint16_t advertised_port;
        // The id of the session, unique.
        std::string session;
        // Id context of the control connection's TLS session; empty: plain data.
        std::string tls_session_context;
        std::chrono::microseconds round_trip{};
    };
    /// The port for data alone; 0 where it is the control port.
    [[nodiscard]] std::uint16_t separate_port() const noexcept;

    /// errc::exhausted where the rule does not let plain data come here now, and after leave().
    [[nodiscard]] result<port_reservation> reserve(reservation_request request);
    /// Connections go to a successor from now on: who expects one is told so, and nobody may any more.
    void stop();

    /// Whether a connection from there to that port of ours could be data.
    [[nodiscard]] bool has_reservation(const ip_address& client, std::uint16_t port) const;
    /// Leads a connection to the session that expects it. Returned: what turned out to be a new client.
    net::task<std::optional<net::accepted_connection>> classify(net::loop& loop, net::accepted_connection connection,
                                                                listener_kind kind);

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace sallyport::reach
