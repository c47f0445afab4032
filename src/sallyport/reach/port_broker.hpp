#pragma once
// Passive ports: which one a session may hand out, and which arriving connection belongs to which session (G2, S2, DC-02,
// DC-04; DESIGN.md decision 5).
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
// A port that another program holds is left alone for half a minute, then tried again.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/net/listener.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/reach/proxy_door.hpp>
#include <sallyport/status/counters.hpp>

namespace sallyport::reach {

struct broker_settings {
    port_range range{};  // {0, 0}: ports that the system has free
    std::chrono::seconds rest{60};
    proxy_trust proxies{};
};

/// A port promised to one session and one client. Movable; releasing it (destruction) closes the expectation at once: no
/// connection is accepted for it any more. Used on the session's loop.
class reservation {
public:
    reservation() noexcept;
    ~reservation();
    reservation(reservation&&) noexcept;
    reservation& operator=(reservation&&) noexcept;

    [[nodiscard]] explicit operator bool() const noexcept { return impl_ != nullptr; }
    [[nodiscard]] std::uint16_t port() const noexcept;
    /// The client's connection; it may have come already. Exactly one is ever handed out. errc::timeout where only
    /// strangers came or nobody; strangers() then helps to say why. errc::cancelled after cancel().
    net::task<result<net::accepted>> wait(net::time_limit limit);
    void cancel() noexcept;
    /// Addresses that tried this port while it was reserved and were refused; at most the last few.
    [[nodiscard]] std::vector<ip_address> strangers() const;

private:
    friend class port_broker;
    struct impl;
    std::shared_ptr<impl> impl_;
};

class port_broker {
public:
    port_broker(net::loop_group& loops, broker_settings settings, status::counters& counters);
    ~port_broker();

    /// For a session on `home` whose client `client` reached it at `local`: listens on that address. errc::exhausted where
    /// every port of the range is promised to this client already or taken by other programs (reply 425).
    [[nodiscard]] result<reservation> reserve(net::loop& home, const ip_address& local, const ip_address& client);

    /// Ports of the range that other programs hold, found by trying; for the start-up report (S2).
    [[nodiscard]] std::vector<std::uint16_t> taken_ports(const ip_address& local);

    /// Closes all listeners.
    void stop();

private:
    friend class reservation;
    struct impl;
    std::shared_ptr<impl> impl_;
};

/// Ports that middleboxes are known to grab for other protocols (SIP 5060 and kin); never handed out.
[[nodiscard]] bool is_hijacked_port(std::uint16_t port) noexcept;

/// The system's ephemeral range (net.ipv4.ip_local_port_range), to report an overlap (S2). {0, 0} where unknown.
[[nodiscard]] port_range ephemeral_range();

}  // namespace sallyport::reach
