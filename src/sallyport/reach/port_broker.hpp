#pragma once
// Passive ports: which one a session may hand out, and which arriving connection belongs to which session (G2, S2, DC-02,
// DC-04).
//
// Listeners open when a port is first needed and then stay, shared by all sessions: a connection is matched by (local
// port, client address) to the session that expects it. Anybody else is closed at once and counted, and the expected
// client is still served. So a session needs a port that no other session from the *same* client address is waiting on.
// Ports are chosen at random from a good generator, never outside the range, and a port just used by one client is not
// given to the same client again within `rest` while others are free (a late stray connection must not hit a new session).
//
// A listener belongs to the loop that needed it first. Each loop prefers its own share of the range (port modulo loops), so
// that in the common case the connection arrives on the loop of its session; where the range is smaller than that (one
// port is enough), it is passed to the session's loop. This is the one place where loops meet: a mutex guards the table,
// held for a look-up only. Listeners are opened under a second one.
//
// Without a range the ports are the system's choice, but they are kept and shared all the same: 512 for each local
// address, opened as they are needed, and more only where one client has all of them promised.
//
// No more than a quarter of the process's descriptors go to listeners of one address while their ports will do.
//
// Behind a balancer the client is who a PROXY header names, and only an address that is trusted for data may send one: it is
// read before the look-up, on the listener's loop, while others are accepted. Without that trust a balancer is a stranger
// like any other. A balancer's address says nothing about which of its clients comes.
//
// A port that another program holds is left alone for half a minute, then tried again. One that devices on the way are known
// to grab for other protocols is never handed out: what counts is its number outside.

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/net/listener.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/reach/external_ports.hpp>
#include <sallyport/reach/port_reservation.hpp>
#include <sallyport/reach/proxy_protocol.hpp>
#include <sallyport/status/counters.hpp>

namespace sallyport::reach {

struct broker_settings {
    // {0, 0}: ports that the system has free.
    port_range range{};
    // Also those that devices grab for other protocols.
    bool use_alg_ports = false;
    // What the ports are called there.
    external_ports external{};
    std::chrono::seconds cooldown{60};
    trusted_proxies proxies{};
};

class port_broker {
public:
    port_broker(net::loop_group& loops, broker_settings settings, status::counters& counters);
    ~port_broker();

    /// For a session on `home` whose client `client` reached it at `local`: listens on that address. errc::exhausted where
    /// every port of the range is promised to this client already or taken by other programs (reply 425).
    [[nodiscard]] result<port_reservation> reserve(net::loop& loop, const ip_address& local, const ip_address& client);

    /// Ports of the range that other programs hold, found by trying; for the start-up report (S2).
    [[nodiscard]] std::vector<std::uint16_t> ports_in_use(const ip_address& local);

    /// Another process of ours has the same range for a while, the old one or the new. A port on which nobody is expected is
    /// given up at once then, so that the other one can have it; no two processes ever listen on one port. Any thread.
    void share_range(bool with_another);

    /// Closes all listeners.
    void stop();

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace sallyport::reach
