#pragma once
// The messages of the Port Control Protocol (PCP, RFC 6887) that a client needs: requests to map a TCP port and to hear
// whether a server is there, and the server's responses and announcements.
//
// Pure functions on values; any thread. A response may come from any host of the network, so every length and code is
// checked here. The caller checks the sender, and compares the nonce and the port with those of its request.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/reach/network_bytes.hpp>

namespace sallyport::reach {

/// No message is longer (RFC 6887, section 7).
inline constexpr std::size_t max_pcp_message = 1100;

/// Identifies the owner of a mapping: a renewal needs the nonce of the first request.
using pcp_nonce = std::array<std::uint8_t, 12>;

/// RFC 6887, section 7.4. Other numbers occur.
enum class pcp_result : std::uint8_t {
    success = 0,
    unsupported_version = 1,
    not_authorized = 2,
    malformed_request = 3,
    unsupported_opcode = 4,
    unsupported_option = 5,
    malformed_option = 6,
    network_failure = 7,
    no_resources = 8,
    unsupported_protocol = 9,
    user_exceeded_quota = 10,
    cannot_provide_external = 11,
    address_mismatch = 12,
    excessive_remote_peers = 13,
};

/// The meaning of a result in a few words, without the number.
[[nodiscard]] std::string_view describe(pcp_result code) noexcept;

struct pcp_map_request {
    // This machine's address, from which the request is sent.
    ip_address client;
    std::uint16_t local_port = 0;
    // What the client would like to have, or had before; zeros for no wish.
    endpoint suggested;
    // Zero: end the mapping.
    std::chrono::seconds lifetime{};
    pcp_nonce nonce{};
};

[[nodiscard]] datagram encode(const pcp_map_request& request);
/// An ANNOUNCE request: a server answers it, and nothing changes.
[[nodiscard]] datagram encode_pcp_announce(const ip_address& client);

/// The part of a response to a request for a mapping. With an error, it repeats the request.
struct pcp_map_response {
    pcp_nonce nonce{};
    std::uint16_t local_port = 0;
    endpoint external;
};

struct pcp_response {
    pcp_result code = pcp_result::success;
    // Of the mapping; with an error: how long the same request would fail again. Not bounded here.
    std::chrono::seconds lifetime{};
    // Seconds since the server lost or cleared its mappings.
    std::uint32_t epoch = 0;
    // Nothing for ANNOUNCE.
    std::optional<pcp_map_response> map;
};

/// Reads a response or an announcement. Fails with errc::unsupported if the server has another version of the protocol: it
/// may have NAT-PMP; and with errc::syntax if it is no response to one of the requests above.
[[nodiscard]] result<pcp_response> parse_pcp(datagram_view from);

}  // namespace sallyport::reach
