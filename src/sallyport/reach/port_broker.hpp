#pragma once
// Reserves passive ports for sessions, accepts the connections on them, and delivers each to the session that expects it
// (G2, S2, DC-02, DC-04).
//
// A listener is opened when its port is first needed, then stays open and is shared by all sessions. A connection is matched
// to a session by local port and client address. A connection from an unexpected peer is closed at once and counted, and
// does not affect the reservation. So a session needs a port on which no other session of the *same* client address waits.
// Ports are chosen at random (random.hpp), never outside the range. A port that a client has used is in cooldown: it is not
// reserved for the same client again while others are free, so that a late connection cannot reach a later session.
//
// Without a range the system chooses the ports; they stay open and are shared as well: 512 for each local address, opened as
// they are needed, and more only if one client has reserved all of them. The listeners of one address take no more than one
// eighth of the process's descriptors while their ports suffice.
//
// If a load balancer sends PROXY headers on data connections (trusted_proxies), the client is the one that the header names.
// The header is read before the connection is matched. Without on_data_connections the load balancer is an unexpected peer,
// since its own address does not identify any of its clients.
//
// A port that another program uses is tried again after 30 s. An ALG port is skipped unless `use_alg_ports` is set; the
// external port number counts.
//
// Thread-safe. A listener belongs to the event loop that needed it first. Each loop prefers its own share of the range (port
// modulo number of loops), so that a connection usually arrives on the loop of its session; otherwise it is passed to that
// loop. One mutex guards the tables and is held for lookups only, a second one is held while a listener is opened. Owned by
// passive_mode; the loops and the counters outlive it.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/net/listener.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/reach/external_ports.hpp>
#include <sallyport/reach/mapped_ports.hpp>
#include <sallyport/reach/port_reservation.hpp>
#include <sallyport/reach/proxy_protocol.hpp>
#include <sallyport/status/counters.hpp>

namespace sallyport::reach {

struct broker_settings {
    // {0, 0}: the system chooses the ports.
    port_range range{};
    // Use ALG ports too.
    bool use_alg_ports = false;
    // The ports to advertise.
    external_ports external{};
    // How long a released port is not reserved for the same client again while others are free.
    std::chrono::seconds cooldown{60};
    trusted_proxies proxies{};
};

/// Of a range.
struct port_usage {
    // Without ALG ports, unless those are used.
    std::size_t usable = 0;
    // With at least one reservation, at the local address at which these are most.
    std::size_t in_use = 0;
};

class port_broker {
public:
    port_broker(net::loop_group& loops, broker_settings settings, status::counters& counters);
    ~port_broker();

    /// Reserves a port on the address `local` for a session that runs on `loop` and expects `client`. Fails with
    /// errc::exhausted if every port of the range is reserved for this client already or in use by other programs (reply
    /// 425). `collects`: the reservation delivers all connections of the client, until it is released. `router`: the client
    /// connects through it, so the port is one that it forwards, if there are any, and its external number is advertised.
    [[nodiscard]] result<port_reservation> reserve(net::loop& loop, const ip_address& local, const ip_address& client,
                                                   bool collects = false, const mapped_ports* router = nullptr);

    /// The ports of the range that other programs use, found by trying to bind them; for port_report (S2). May block.
    [[nodiscard]] std::vector<std::uint16_t> ports_in_use(const ip_address& local);

    /// Nothing if the system chooses the ports.
    [[nodiscard]] std::optional<port_usage> usage() const;

    /// `with_another`: during a graceful restart the old and the new process share the range. Then each closes a listener as
    /// soon as no connection is expected on it, so that the other process can open it; never do both listen on one port.
    void share_range(bool with_another);

    /// Closes all listeners.
    void stop();

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace sallyport::reach
