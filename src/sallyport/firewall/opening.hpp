#pragma once
// An opening: permission for exactly one data connection, from one address to one local port, which the kernel forwards to
// another endpoint (G2, G4; docs/decisions/32-openings-in-the-kernel.md).
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
    // The local address and port that it connects to.
    endpoint listen;
    // The endpoint to which the kernel forwards the connection (DNAT).
    endpoint forward_to;
    // The local address from which that endpoint sees the connection (SNAT).
    ip_address source;
    std::chrono::milliseconds lifetime{};

    /// "192.0.2.1 to 203.0.113.7:50000, forwarded to 10.0.0.5:40000 from 10.0.0.1"
    [[nodiscard]] std::string text() const;

    friend bool operator==(const opening&, const opening&) = default;
};

/// Whether this system forwards packets between other hosts.
struct forwarding {
    bool v4 = false;
    bool v6 = false;
    [[nodiscard]] static forwarding of_system();
};

/// Whether the kernel can forward such a connection; the error has the reason if it cannot.
[[nodiscard]] result<void> can_forward(const opening& o, forwarding allowed);

}  // namespace sallyport::firewall
