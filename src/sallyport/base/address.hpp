#pragma once
// Addresses as values: an IP address, an endpoint (address and port), a network (CIDR). No sockets here.
//
// IPv4 addresses that arrive mapped into IPv6 (::ffff:a.b.c.d, RFC 4291 section 2.5.5.2) are folded to IPv4 at
// construction, so that equality means "the same host". Values are small and freely copied; any thread.

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

    /// Dotted quad or RFC 4291 text, without brackets; a zone ("%2" or "%eth0") is taken after a link-local address.
    [[nodiscard]] static std::optional<ip_address> parse(std::string_view text);

    [[nodiscard]] bool is_v4() const noexcept { return v4_; }
    [[nodiscard]] bool is_v6() const noexcept { return !v4_; }
    // REQUIRES: is_v4().
    [[nodiscard]] std::array<std::uint8_t, 4> v4_bytes() const noexcept;
    // v4: in the first four.
    [[nodiscard]] const std::array<std::uint8_t, 16>& bytes() const noexcept { return bytes_; }
    [[nodiscard]] std::uint32_t scope() const noexcept { return scope_; }

    [[nodiscard]] bool is_unspecified() const noexcept;
    [[nodiscard]] bool is_loopback() const noexcept;
    [[nodiscard]] bool is_multicast() const noexcept;
    [[nodiscard]] bool is_link_local() const noexcept;
    /// RFC 1918, carrier NAT (RFC 6598), unique local (RFC 4193): no route from the outside leads there.
    [[nodiscard]] bool is_private() const noexcept;
    /// True where a peer elsewhere on the Internet could connect to it.
    [[nodiscard]] bool is_public() const noexcept;

    /// What limits per client address count as one: an IPv4 address stands for itself, an IPv6 address for its /64, as that
    /// is what one customer is given. Link-local addresses stand for themselves: all hosts of a network share their /64.
    [[nodiscard]] ip_address client_network() const noexcept;

    [[nodiscard]] std::string text() const;

    friend auto operator<=>(const ip_address&, const ip_address&) = default;

private:
    std::array<std::uint8_t, 16> bytes_{};
    std::uint32_t scope_ = 0;
    bool v4_ = true;
};

struct endpoint {
    ip_address address;
    std::uint16_t port = 0;

    /// "192.0.2.1:21", "[2001:db8::1]:21"; a bare ":21" or "*:21" is 0.0.0.0, "[::]:21" any address of both families.
    [[nodiscard]] static std::optional<endpoint> parse(std::string_view text);
    [[nodiscard]] std::string text() const;

    friend auto operator<=>(const endpoint&, const endpoint&) = default;
};

/// All addresses that begin with the same bits.
class ip_network {
public:
    /// "10.0.0.0/8", "2001:db8::/32"; an address alone is a network of one. Nothing where bits behind the prefix are set:
    /// who writes 10.0.0.1/8 means one of two things.
    [[nodiscard]] static std::optional<ip_network> parse(std::string_view text);
    /// The interface of a link-local address does not matter.
    [[nodiscard]] bool contains(const ip_address& a) const noexcept;
    [[nodiscard]] unsigned prefix() const noexcept { return prefix_; }
    [[nodiscard]] std::string text() const;

    friend auto operator<=>(const ip_network&, const ip_network&) = default;

private:
    ip_address base_;
    // In bits.
    unsigned prefix_ = 0;
};

/// A range of ports, both ends included.
struct port_range {
    std::uint16_t first = 0;
    std::uint16_t last = 0;

    /// "50000-50999" or "50000".
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
