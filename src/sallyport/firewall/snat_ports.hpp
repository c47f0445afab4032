#pragma once
// Chooses the source port of a forwarded connection (SNAT): for each destination, all ports of a range in turn.
//
// By default the kernel keeps the client's source port if it can, and so reuses a pair of ports while the server still has
// the previous connection between them in TIME_WAIT (60 s). The server may then answer the SYN with an ACK for that
// connection; the client resets it and sends its SYN again, which the kernel tracks as a second connection, and an opening
// forwards only one.
//
// Owned by nft_table; one thread at a time.

#include <array>
#include <cstdint>

#include <sallyport/base/address.hpp>

namespace sallyport::firewall {

class snat_ports {
public:
    // Below the ephemeral range that systems use for their own connections.
    static constexpr std::uint16_t first = 1024;
    static constexpr std::uint16_t last = 32767;

    snat_ports();

    /// The source port for the next connection to `to`.
    [[nodiscard]] std::uint16_t next(const endpoint& to);

private:
    /// The number of calls by hash of the destination. Destinations with the same hash reuse their ports sooner.
    std::array<std::uint16_t, 4096> counts_{};
    // Random, so that the ports cannot be predicted.
    std::uint16_t offset_;
};

}  // namespace sallyport::firewall
