#pragma once
// STUN (RFC 8489): the message that asks a server outside under which address and port it sees this host, and the answer.
// Only the Binding method, without authentication.
//
// An answer proves little: over UDP, any host that sees the question can forge it, and a server can lie. So the address in
// one answer is never advertised to clients by itself; agreed_address() has the rule.
//
// Values and pure functions without I/O; any thread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/reach/network_bytes.hpp>

namespace sallyport::reach {

/// 96 random bits that are in the question and in its answer.
using stun_transaction = std::array<std::uint8_t, 12>;

inline constexpr std::size_t stun_header_bytes = 20;

/// A Binding request (RFC 8489 sections 5 and 3).
[[nodiscard]] datagram stun_question(const stun_transaction& id);

/// The size of the whole message that begins with this header, for TCP, which does not show where a message ends.
/// errc::syntax if it is no STUN header, errc::too_long above limits::max_stun_message. REQUIRES: stun_header_bytes bytes.
[[nodiscard]] result<std::size_t> stun_message_size(datagram_view header);

/// The endpoint in the answer (XOR-MAPPED-ADDRESS). Errors: errc::stray_reply for the answer to another question, and
/// errc::syntax for a malformed message, both of which a receiver of datagrams drops; errc::rejected with the code of the
/// server's error answer; errc::unsupported if the answer requires what RFC 8489 does not define.
[[nodiscard]] result<endpoint> parse_stun_answer(datagram_view message, const stun_transaction& id);

/// What one server saw.
struct stun_observation {
    endpoint server;
    /// Of this host, as the socket has it.
    endpoint local;
    /// Of this host, as the server sees it.
    endpoint external;
    bool over_tcp = false;

    friend bool operator==(const stun_observation&, const stun_observation&) = default;
};

/// The address of this host that may be advertised: two servers with different addresses have seen it, or one server and
/// the router report the same. Nothing otherwise, and nothing if two different addresses are confirmed in this way.
[[nodiscard]] std::optional<ip_address> agreed_address(std::span<const stun_observation> seen,
                                                       const std::optional<ip_address>& router);

/// The address to advertise for `auto`: that of the router, unless servers agree on another one, which then is that of
/// another NAT between the router and the Internet; without a router that has a public one, the one that they agree on.
[[nodiscard]] std::optional<ip_address> external_address(const std::optional<ip_address>& router,
                                                         std::span<const stun_observation> seen);

}  // namespace sallyport::reach
