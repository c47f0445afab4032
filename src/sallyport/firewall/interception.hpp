#pragma once
// Interception: which control connections that cross this router the gateway accepts in place of their destination, and the
// numbers of this machine that it takes for that (docs/router.md).
//
// TPROXY delivers the connection to a listener of the gateway without changing its addresses: the local endpoint of the
// accepted socket is the original destination, its peer is the client. Connections to an address of the router itself are
// never intercepted.
//
// Values; any thread.

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>

namespace sallyport::firewall {

/// The ports of the two listeners that intercepted connections are delivered to. 0: connections of that family are not
/// intercepted.
struct listener_ports {
    std::uint16_t v4 = 0;
    std::uint16_t v6 = 0;

    /// Of the listener for this family.
    [[nodiscard]] std::uint16_t& of(bool is_v4) noexcept { return is_v4 ? v4 : v6; }
    [[nodiscard]] std::uint16_t of(bool is_v4) const noexcept { return is_v4 ? v4 : v6; }

    friend bool operator==(const listener_ports&, const listener_ports&) = default;
};

/// The endpoint that such a listener binds to, with IP_TRANSPARENT or IPV6_TRANSPARENT: a loopback address, so that other
/// hosts cannot connect to the listener itself, and a packet that another host sends to the same port is not taken for one
/// of ours.
[[nodiscard]] endpoint interception_listener(bool v4, std::uint16_t port) noexcept;

/// The connections of one --intercept: those that arrive on one of the interfaces and satisfy all other terms.
struct interception {
    // Names; one that ends in '*' stands for all that begin so. An interface need not exist yet.
    std::vector<std::string> interfaces{};
    // Destination ports of control connections, and of those with implicit TLS.
    std::vector<std::uint16_t> ports{21};
    std::vector<std::uint16_t> implicit_ports{};
    // The client's network and the destination's; empty: any. No destination in `except`.
    std::vector<ip_network> from{};
    std::vector<ip_network> to{};
    std::vector<ip_network> except{};
    // Ports of servers that the client of a session may connect to, as long as the session passes TLS; `first` is 0 without.
    port_range passed_ports{};
    // Known when the gateway listens. Each interception has listeners of its own, which show the gateway what it has
    // accepted.
    listener_ports listeners{};

    /// Of control connections with and without implicit TLS.
    [[nodiscard]] std::set<std::uint16_t> all_ports() const;

    friend bool operator==(const interception&, const interception&) = default;
};

/// Checks names, ports and networks; the error names the term.
[[nodiscard]] result<void> check(const interception& i);

/// Bits of the marks of packets and of connections. No other bits of a mark are changed.
struct mark_bits {
    // Of the packets that are delivered to the gateway; a bit of the mask at least.
    std::uint32_t value = 0;
    std::uint32_t mask = 0;

    /// Reads "0x100/0xff00", or "0x100", whose mask is 0xffffffff.
    [[nodiscard]] static std::optional<mark_bits> parse(std::string_view text);
    [[nodiscard]] std::string text() const;
    /// The bits for the marks of connections: the other ones of the mask, if there are any. Rules of an administrator may
    /// copy the connection's mark to its packets, and those of a data connection must not be delivered to the gateway.
    [[nodiscard]] std::uint32_t of_connection() const noexcept { return mask != value ? mask & ~value : value; }

    friend bool operator==(const mark_bits&, const mark_bits&) = default;
};

/// What happens to these connections while no gateway runs.
enum class when_down : std::uint8_t {
    // They cross the router as if the gateway did not exist.
    pass,
    // A table that outlives the gateway drops them, until an orderly end removes it.
    block,
};

/// All interceptions of a gateway.
struct interception_settings {
    std::vector<interception> interceptions{};
    mark_bits mark{};
    // The number of the routing table with the one route that delivers marked packets to this machine.
    std::uint32_t route_table = 0;
    when_down down = when_down::pass;

    /// Whether an interception has a listener for this family.
    [[nodiscard]] bool listens(bool v4) const;

    friend bool operator==(const interception_settings&, const interception_settings&) = default;
};

}  // namespace sallyport::firewall
