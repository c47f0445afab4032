#pragma once
// An opening: permission for exactly one data connection, from one address to one endpoint. The kernel forwards it to
// another endpoint, or on a router to where it goes anyway (G2, G4; docs/decisions/32-openings-in-the-kernel.md).
//
// Values; any thread may use them.

#include <chrono>
#include <string>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>

namespace sallyport::firewall {

struct opening {
    // The address that may connect, from any port.
    ip_address client;
    // The address and port that it connects to.
    endpoint listen;
    // The endpoint to which the kernel forwards the connection (DNAT). The same as `listen`: the destination is kept.
    endpoint forward_to;
    // The address from which that endpoint sees the connection (SNAT). The same as `client`: address and port of the client
    // are kept, and rules of the administrator may translate them.
    ip_address source;
    std::chrono::milliseconds lifetime{};
    // False: it is made also if the kernel's table of expectations is full. Then the connection is not related to its
    // control connection, and other rules of the administrator may accept it or not.
    bool needs_expectation = true;

    [[nodiscard]] bool keeps_source() const noexcept { return source == client; }

    /// "192.0.2.1 to 203.0.113.7:50000, forwarded to 10.0.0.5:40000 from 10.0.0.1", without what is kept.
    [[nodiscard]] std::string text() const;

    friend bool operator==(const opening&, const opening&) = default;
};

// The longest lifetime, whatever the data timeout is.
inline constexpr auto max_opening_lifetime = std::chrono::hours(24);

/// The control connections of the session that an opening belongs to: descriptors of connected sockets, owned by the caller;
/// -1 if there is none. The kernel regards the data connection as related to that of the client.
struct control_connections {
    int client = -1;
    int backend = -1;
};

/// Whether this system forwards packets between other hosts.
struct forwarding {
    bool v4 = false;
    bool v6 = false;
    // False: this process may not read the settings of the system, so neither is assumed.
    bool is_known = true;
    [[nodiscard]] static forwarding of_system();
};

/// Whether the kernel can forward such a connection; the error has the reason if it cannot.
[[nodiscard]] result<void> can_forward(const opening& o, forwarding allowed);

}  // namespace sallyport::firewall
