#pragma once
// One packet of a capture, as far as an FTP session shows in it: a TCP segment, or an ICMP error about one.
//
// Read from the link layer on: Ethernet, Linux cooked (v1 and v2), loopback and raw IP; VLAN tags; IPv4 (RFC 791), IPv6 with
// its extension headers (RFC 8200), TCP (RFC 9293), ICMP (RFC 792, RFC 4443). Later fragments and all other protocols are
// left out. Pure functions; any thread. Any bytes are read without failure. `payload` refers to the bytes that were read.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include <sallyport/base/address.hpp>

namespace sallyport::doctor {

/// The number with which a capture file names its link layer (LINKTYPE_ of tcpdump.org), as libpcap gives it.
enum class link_layer : int {
    null = 0,
    ethernet = 1,
    raw = 12,
    loop = 108,
    cooked = 113,
    ipv4 = 228,
    ipv6 = 229,
    cooked_v2 = 276
};
[[nodiscard]] bool is_known(link_layer link) noexcept;

struct icmp_error {
    ip_address sender;
    int type = 0;
    int code = 0;
};

struct packet {
    endpoint from;
    endpoint to;
    // What is left of it where it was captured.
    unsigned ttl = 0;
    std::uint32_t sequence = 0;
    std::uint32_t acknowledgment = 0;
    bool syn = false;
    bool ack = false;
    bool fin = false;
    bool rst = false;
    // The captured part, and its size on the wire.
    std::string_view payload{};
    std::size_t size = 0;
    // If set: an error about a segment of `from` to `to`; there is nothing else of this segment than its sequence number.
    std::optional<icmp_error> icmp{};
};

[[nodiscard]] std::optional<packet> read_packet(link_layer link, std::string_view bytes);

}  // namespace sallyport::doctor
