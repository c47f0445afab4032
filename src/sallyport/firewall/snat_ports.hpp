#pragma once
// From which port of ours the other end sees a connection that is led to it: for each of its ports, all of them in turn.
//
// Left to itself the kernel keeps the client's port where it can, and comes back to a pair of ports while the server still
// remembers the last connection between them (TIME_WAIT, a minute). The server then now and then asks what that SYN is to
// mean, the client sends its SYN again as that of a new connection, and that is the second one, which an opening never
// leads.
//
// Owned by the table, one thread at a time.

#include <array>
#include <cstdint>

#include <sallyport/base/address.hpp>

namespace sallyport::firewall {

class snat_ports {
public:
    // Below those that systems use for connections of their own.
    static constexpr std::uint16_t first = 1024;
    static constexpr std::uint16_t last = 32767;

    snat_ports();

    [[nodiscard]] std::uint16_t next(const endpoint& to);

private:
    /// How often each was asked for. What shares a place comes round sooner, no more.
    std::array<std::uint16_t, 4096> counts_{};
    // Nobody can foretell a port.
    std::uint16_t offset_;
};

}  // namespace sallyport::firewall
