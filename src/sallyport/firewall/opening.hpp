#pragma once
// An opening as a value: one connection that the kernel shall lead on by itself (G2, G4; DESIGN.md decision 4).

#include <chrono>
#include <string>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>

namespace sallyport::firewall {

struct opening {
    ip_address client;  // who may connect, from any port
    endpoint at;        // to this address and port of ours, and nowhere else
    endpoint to;        // where it is led instead
    ip_address from;    // where it comes from as the other end sees it: an address of ours
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
[[nodiscard]] result<void> can_lead(const opening& o, forwarding allowed);

}  // namespace sallyport::firewall
