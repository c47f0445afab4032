#pragma once
// IPv6 addresses that stand for IPv4 addresses, where a NAT64 translator is on the path (RFC 6052). Pure functions; any
// thread.

#include <array>
#include <optional>
#include <span>

#include <sallyport/base/address.hpp>

namespace sallyport {

/// What the prefix of a translator may have, in bits (RFC 6052 section 2.2).
inline constexpr auto translation_prefixes = std::to_array<unsigned>({32, 40, 48, 56, 64, 96});

/// Whether the address is in 64:ff9b::/96, the prefix that any translator may use (RFC 6052 section 2.1).
[[nodiscard]] bool has_well_known_prefix(const ip_address& a) noexcept;

/// The IPv4 address in an IPv6 address with a prefix of this length. It leaves out the byte of bits 64 to 71.
[[nodiscard]] ip_address ipv4_after(unsigned prefix, const ip_address& a) noexcept;

/// The IPv4 address for which an IPv6 address stands. `of_ipv4only_arpa`: the addresses of that name, which has IPv4 only,
/// so that its IPv6 addresses show the prefix of the network's translator (RFC 7050). 64:ff9b::/96 is known without them.
[[nodiscard]] std::optional<ip_address> ipv4_of_translated(const ip_address& a,
                                                           std::span<const ip_address> of_ipv4only_arpa);

}  // namespace sallyport
