#pragma once
// A port mapping: the router accepts connections at an external address and port, and forwards them to a port of this
// machine. It ends by itself when its lifetime is over.
//
// Values; any thread may use them.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sallyport/base/address.hpp>

namespace sallyport::reach {

/// How a router is asked for a mapping: PCP (RFC 6887), NAT-PMP (RFC 6886), or UPnP IGD.
enum class mapping_protocol : std::uint8_t { pcp, natpmp, upnp };

/// The UDP port of routers for PCP and NAT-PMP, and the one at which they announce changes to 224.0.0.1.
inline constexpr std::uint16_t router_port = 5351;
inline constexpr std::uint16_t announcement_port = 5350;

/// "pcp", "natpmp" or "upnp", as in options and JSON.
[[nodiscard]] constexpr std::string_view name(mapping_protocol p) noexcept {
    switch (p) {
        case mapping_protocol::pcp: return "pcp";
        case mapping_protocol::natpmp: return "natpmp";
        case mapping_protocol::upnp: return "upnp";
    }
    return {};
}

/// The name for people: "PCP", "NAT-PMP" or "UPnP".
[[nodiscard]] constexpr std::string_view display_name(mapping_protocol p) noexcept {
    switch (p) {
        case mapping_protocol::pcp: return "PCP";
        case mapping_protocol::natpmp: return "NAT-PMP";
        case mapping_protocol::upnp: return "UPnP";
    }
    return {};
}

struct mapping {
    // The TCP port of this machine.
    std::uint16_t local_port = 0;
    // Of its IPv6 address. The same port may have another mapping for IPv4.
    bool is_v6 = false;
    // Nothing while the router has not granted the mapping. The address is unspecified while only the port is known.
    std::optional<endpoint> external;
    // Which protocol granted it.
    mapping_protocol by = mapping_protocol::pcp;
    // When the router ends it unless it is renewed.
    std::chrono::steady_clock::time_point expires{};
    // Why the last request failed; empty if it succeeded. Text of the router is escaped.
    std::string error;

    friend bool operator==(const mapping&, const mapping&) = default;
};

}  // namespace sallyport::reach
