#pragma once
// Numbers and addresses in network byte order, as datagrams of PCP, NAT-PMP and STUN have them. Pure functions; any thread.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <sallyport/base/address.hpp>

namespace sallyport::reach {

using datagram = std::vector<std::uint8_t>;
using datagram_view = std::span<const std::uint8_t>;

inline void append_u16(datagram& to, std::uint16_t value) {
    to.push_back(static_cast<std::uint8_t>(value >> 8U));
    to.push_back(static_cast<std::uint8_t>(value));
}

inline void append_u32(datagram& to, std::uint32_t value) {
    append_u16(to, static_cast<std::uint16_t>(value >> 16U));
    append_u16(to, static_cast<std::uint16_t>(value));
}

/// 16 bytes; an IPv4 address in its IPv4-mapped form (RFC 4291, section 2.5.5.2).
inline void append_address(datagram& to, const ip_address& address) {
    if (address.is_v6()) {
        to.insert(to.end(), address.bytes().begin(), address.bytes().end());
        return;
    }
    to.insert(to.end(), 10, 0x00);
    to.insert(to.end(), 2, 0xff);
    const auto bytes = address.v4_bytes();
    to.insert(to.end(), bytes.begin(), bytes.end());
}

/// REQUIRES: at + 2 <= from.size(). The same holds for the sizes of the other values.
[[nodiscard]] inline std::uint16_t u16_at(datagram_view from, std::size_t at) {
    return static_cast<std::uint16_t>(from[at] << 8U | from[at + 1]);
}

[[nodiscard]] inline std::uint32_t u32_at(datagram_view from, std::size_t at) {
    return std::uint32_t{u16_at(from, at)} << 16U | u16_at(from, at + 2);
}

template <std::size_t size>
[[nodiscard]] std::array<std::uint8_t, size> bytes_at(datagram_view from, std::size_t at) {
    std::array<std::uint8_t, size> out{};
    std::ranges::copy(from.subspan(at, size), out.begin());
    return out;
}

/// 16 bytes; an IPv4-mapped address becomes an IPv4 address.
[[nodiscard]] inline ip_address address_at(datagram_view from, std::size_t at) {
    return ip_address::v6(bytes_at<16>(from, at));
}

}  // namespace sallyport::reach
