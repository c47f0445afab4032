#pragma once
// The default routes of this machine, for IPv4 and IPv6, and a socket that tells when routes or addresses have changed
// (rtnetlink). Functions without state; any thread, except that of a wait. The caller owns the results.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/net/descriptor.hpp>

namespace sallyport::reach {

enum class address_family : std::uint8_t { ipv4, ipv6 };

struct default_route {
    // For IPv6, as a rule, a link-local address of the interface.
    ip_address gateway;
    // The address that packets to the gateway have as their source; for IPv6 one that lasts (lasting_address.hpp), whatever
    // the kernel would choose.
    ip_address own;
    std::string interface;
    friend bool operator==(const default_route&, const default_route&) = default;
};

/// The route to the Internet, through this interface if one is named. Fails with errc::not_found if there is none, or none
/// through a gateway, and with errc::unsupported if the interface has no IPv6 address that lasts.
[[nodiscard]] result<default_route> find_default_route(std::string_view interface = {},
                                                       address_family family = address_family::ipv4);

/// A gateway with a link-local address does not answer this machine yet (is_link_local_pending in lasting_address.hpp). The
/// end of that is a change for wait_for_route_change().
[[nodiscard]] bool is_early(const default_route& route);

/// The address of this machine for connections to the Internet, also through a route without a gateway, such as that of a
/// PPP interface; nothing if there is no route. For IPv6 one that lasts (lasting_address.hpp).
[[nodiscard]] std::optional<ip_address> find_own_address(address_family family = address_family::ipv4);

/// A socket for wait_for_route_change().
[[nodiscard]] result<unique_fd> open_route_watch();

/// Waits until a route, an address or an interface has changed; which one is not known. False: the socket was closed.
[[nodiscard]] net::task<bool> wait_for_route_change(net::descriptor& watch);

}  // namespace sallyport::reach
