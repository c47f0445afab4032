#pragma once
// IP addresses, endpoints (address and port), networks (CIDR) and port ranges, as plain values without sockets.
//
// IPv4-mapped IPv6 addresses (::ffff:a.b.c.d, RFC 4291 section 2.5.5.2) are converted to IPv4 at construction, so that
// equal values are the same host. Values are small and may be copied freely; any thread.

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport {

class ip_address {
public:
    // The address 0.0.0.0.
    ip_address() = default;
    [[nodiscard]] static ip_address v4(std::array<std::uint8_t, 4> bytes) noexcept;
    [[nodiscard]] static ip_address v6(std::array<std::uint8_t, 16> bytes, std::uint32_t scope = 0) noexcept;

    /// Reads a dotted quad or RFC 4291 text, without brackets. A zone ("%2" or "%eth0") is accepted after an IPv6 address.
    [[nodiscard]] static std::optional<ip_address> parse(std::string_view text);

    [[nodiscard]] bool is_v4() const noexcept { return v4_; }
    [[nodiscard]] bool is_v6() const noexcept { return !v4_; }
    // REQUIRES: is_v4().
    [[nodiscard]] std::array<std::uint8_t, 4> v4_bytes() const noexcept;
    // An IPv4 address is in the first four bytes.
    [[nodiscard]] const std::array<std::uint8_t, 16>& bytes() const noexcept { return bytes_; }
    [[nodiscard]] std::uint32_t scope() const noexcept { return scope_; }

    [[nodiscard]] bool is_unspecified() const noexcept;
    [[nodiscard]] bool is_loopback() const noexcept;
    [[nodiscard]] bool is_multicast() const noexcept;
    [[nodiscard]] bool is_link_local() const noexcept;
    /// RFC 1918, carrier-grade NAT (RFC 6598) or unique local (RFC 4193): not routed on the Internet.
    [[nodiscard]] bool is_private() const noexcept;
    /// True if a peer elsewhere on the Internet could connect to it.
    [[nodiscard]] bool is_public() const noexcept;

    /// The address that limits per client address count. It is the /64 network of an IPv6 address, as one customer usually
    /// gets at least a /64, and the address itself for IPv4 and for link-local IPv6, whose /64 all hosts of a link share.
    [[nodiscard]] ip_address client_network() const noexcept;

    [[nodiscard]] std::string text() const;

    friend auto operator<=>(const ip_address&, const ip_address&) = default;

private:
    std::array<std::uint8_t, 16> bytes_{};
    std::uint32_t scope_ = 0;
    bool v4_ = true;
};

/// Compares addresses without their zones: the zone of a link-local address is local to a host, so addresses in the protocol
/// have none (RFC 4007, section 11).
[[nodiscard]] bool is_same_host(const ip_address& a, const ip_address& b) noexcept;

/// The length of the longest common prefix of two addresses of one family, in bits.
[[nodiscard]] unsigned common_bits(const ip_address& a, const ip_address& b) noexcept;

struct endpoint {
    ip_address address;
    std::uint16_t port = 0;

    /// Reads "192.0.2.1:21" or "[2001:db8::1]:21". ":21" and "*:21" mean 0.0.0.0; "[::]:21" means any address of both
    /// families.
    [[nodiscard]] static std::optional<endpoint> parse(std::string_view text);
    [[nodiscard]] std::string text() const;

    friend auto operator<=>(const endpoint&, const endpoint&) = default;
};

/// A network in CIDR notation: all addresses that start with the same bits.
class ip_network {
public:
    /// Reads "10.0.0.0/8" or "2001:db8::/32"; an address alone is a network of one address. Returns nothing if bits after
    /// the prefix are set, as 10.0.0.1/8 could mean the network or the address.
    [[nodiscard]] static std::optional<ip_network> parse(std::string_view text);
    /// Ignores the interface (zone) of a link-local address.
    [[nodiscard]] bool contains(const ip_address& a) const noexcept;
    [[nodiscard]] unsigned prefix() const noexcept { return prefix_; }
    [[nodiscard]] std::string text() const;

    friend auto operator<=>(const ip_network&, const ip_network&) = default;

private:
    ip_address base_;
    // Length of the prefix in bits.
    unsigned prefix_ = 0;
};

/// A range of ports, both ends included.
struct port_range {
    std::uint16_t first = 0;
    std::uint16_t last = 0;

    /// Reads "50000-50999" or "50000".
    [[nodiscard]] static std::optional<port_range> parse(std::string_view text);
    [[nodiscard]] std::uint32_t size() const noexcept { return last < first ? 0U : last - first + 1U; }
    [[nodiscard]] bool contains(std::uint16_t port) const noexcept { return port >= first && port <= last; }
    [[nodiscard]] std::string text() const;

    friend auto operator<=>(const port_range&, const port_range&) = default;
};

}  // namespace sallyport

template <>
struct std::hash<sallyport::ip_address> {
    [[nodiscard]] std::size_t operator()(const sallyport::ip_address& a) const noexcept;
};
