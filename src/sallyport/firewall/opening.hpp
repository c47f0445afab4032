#pragma once
// An opening as a value: one connection that the kernel shall lead on by itself (G2, G4;
// docs/decisions/32-openings-in-the-kernel.md). Values; any thread.

#include <chrono>
#include <string>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>

namespace sallyport::firewall {

struct opening {
    // Who may connect, from any port.
    ip_address client;
    // To this address and port of ours, and nowhere else.
    endpoint listen;
    // Where it is led instead.
    endpoint forward_to;
    // Where it comes from as the other end sees it: an address of ours.
    ip_address source;
    std::chrono::milliseconds lifetime{};

    /// "192.0.2.1 to 203.0.113.7:50000, led to 10.0.0.5:40000 from 10.0.0.1"
    [[nodiscard]] std::string text() const;

    friend bool operator==(const opening&, const opening&) = default;
};

/// Whether this machine passes on packets between others.
struct forwarding {
    bool v4 = false;
    bool v6 = false;
    [[nodiscard]] static forwarding of_system();
};

/// Why the kernel could not lead such a connection; nothing where it can.
[[nodiscard]] result<void> can_forward(const opening& o, forwarding allowed);

}  // namespace sallyport::firewall
