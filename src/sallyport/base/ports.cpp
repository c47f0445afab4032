#include <sallyport/base/ports.hpp>

#include <algorithm>
#include <array>

namespace sallyport {

bool is_alg_port(std::uint16_t port) noexcept {
    // Routers and firewalls inspect these ports for other protocols, and rewrite, delay or drop other traffic on them.
    static constexpr std::array<std::uint16_t, 25> ports{
        // Blocked by some providers since the worms of 2003; SOCKS.
        1025,
        1026,
        1027,
        1080,
        // T.120, H.323, PPTP.
        1503,
        1719,
        1720,
        1723,
        // MSN, SCCP, MGCP, STUN.
        1863,
        2000,
        2427,
        2727,
        3478,
        // IPsec NAT, eDonkey, SIP.
        4500,
        4661,
        4662,
        5060,
        5061,
        // RTSP, AIM, Gnutella, IRC, BitTorrent.
        554,
        5190,
        6346,
        6667,
        6881,
        // RealAudio, RTSP.
        7070,
        8554,
    };
    return std::ranges::find(ports, port) != ports.end();
}

}  // namespace sallyport
