#pragma once
// Addresses in the attributes of rtnetlink messages (rtnetlink(7)). Functions on values; any thread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

#include <libmnl/libmnl.h>

#include <sallyport/base/address.hpp>

namespace sallyport::reach {

namespace detail {

template <std::size_t size>
[[nodiscard]] std::array<std::uint8_t, size> payload(const nlattr* attribute) {
    std::array<std::uint8_t, size> out{};
    std::memcpy(out.data(), mnl_attr_get_payload(attribute), size);
    return out;
}

}  // namespace detail

/// An IPv4 or IPv6 address, by the length of the attribute; nothing for another length.
[[nodiscard]] inline std::optional<ip_address> address_in(const nlattr* attribute) {
    switch (mnl_attr_get_payload_len(attribute)) {
        case 4: return ip_address::v4(detail::payload<4>(attribute));
        case 16: return ip_address::v6(detail::payload<16>(attribute));
        default: return std::nullopt;
    }
}

}  // namespace sallyport::reach
