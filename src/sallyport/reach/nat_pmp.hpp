#pragma once
// The messages of the NAT Port Mapping Protocol (NAT-PMP, RFC 6886): requests for the router's external address and to map a
// TCP port, and the router's responses and announcements.
//
// Pure functions on values; any thread. A response may come from any host of the network, so every length and code is
// checked here. The caller checks the sender, and compares the port with that of its request.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/reach/network_bytes.hpp>

namespace sallyport::reach {

/// RFC 6886, section 3.5. Other numbers occur.
enum class nat_pmp_result : std::uint16_t {
    success = 0,
    unsupported_version = 1,
    not_authorized = 2,
    network_failure = 3,
    out_of_resources = 4,
    unsupported_opcode = 5,
};

/// The meaning of a result in a few words, without the number.
[[nodiscard]] std::string_view describe(nat_pmp_result code) noexcept;

struct nat_pmp_map_request {
    std::uint16_t local_port = 0;
    // What the client would like to have; 0 for no wish, and where the mapping is to end.
    std::uint16_t suggested_port = 0;
    // Zero: end the mapping.
    std::chrono::seconds lifetime{};
};

[[nodiscard]] datagram encode(const nat_pmp_map_request& request);
[[nodiscard]] datagram encode_nat_pmp_address_request();

/// The part of a response to a request for a mapping.
struct nat_pmp_map_response {
    std::uint16_t local_port = 0;
    std::uint16_t external_port = 0;
    // Not bounded here.
    std::chrono::seconds lifetime{};
};

/// What a response is about, by its opcode.
enum class nat_pmp_operation : std::uint8_t { address = 0, map_udp = 1, map_tcp = 2 };

struct nat_pmp_response {
    // Other numbers occur with errors.
    nat_pmp_operation operation = nat_pmp_operation::address;
    nat_pmp_result code = nat_pmp_result::success;
    // Seconds since the router lost or cleared its mappings.
    std::uint32_t epoch = 0;
    // In a response to a request for the address, and in an announcement; with success only.
    std::optional<ip_address> address;
    std::optional<nat_pmp_map_response> map;
};

/// Reads a response or an announcement. Fails with errc::unsupported if it is one of another version of the protocol, which
/// is PCP, and with errc::syntax if it is no response to one of the requests above. An error may be without the part for the
/// request.
[[nodiscard]] result<nat_pmp_response> parse_nat_pmp(datagram_view from);

}  // namespace sallyport::reach
