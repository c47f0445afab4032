#pragma once
// Which IPv6 address of an interface is for other hosts to connect to. The kernel sends new connections from a temporary
// address where that is enabled (RFC 8981), which it replaces every day: one that is advertised or opened in a firewall must
// last.
//
// Values; any thread.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>

namespace sallyport::reach {

/// An IPv6 address of an interface, with its flags (IFA_F_* of linux/if_addr.h).
struct interface_address {
    ip_address address;
    unsigned interface = 0;
    std::uint32_t flags = 0;
};

/// That of this machine's interfaces, from the kernel (rtnetlink).
[[nodiscard]] result<std::vector<interface_address>> list_ipv6_addresses();

/// The address to name in place of `chosen`, from which the kernel would send: itself if it lasts, otherwise the address of
/// the same interface that has the longest common prefix with it. Temporary and deprecated ones don't last, and tentative
/// ones may not be this machine's. Nothing if there is none.
[[nodiscard]] std::optional<ip_address> lasting_address(std::span<const interface_address> all, const ip_address& chosen);

/// The link-local address of an interface is not known to be unique yet (RFC 4862 section 5.4), which takes a second or two.
/// Until then, a router does not answer requests to its own link-local address.
[[nodiscard]] bool is_link_local_pending(std::span<const interface_address> all, unsigned interface);

}  // namespace sallyport::reach
