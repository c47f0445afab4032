#pragma once
// The default route of this machine, and a socket that tells when routes or addresses have changed (rtnetlink). IPv4 only.
// Functions without state; any thread, except that of a wait. The caller owns the results.

#include <optional>
#include <string>
#include <string_view>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/net/descriptor.hpp>

namespace sallyport::reach {

struct default_route {
    ip_address gateway;
    // The address that packets to the gateway have as their source.
    ip_address own;
    std::string interface;
    friend bool operator==(const default_route&, const default_route&) = default;
};

/// The route to the Internet, through this interface if one is named. Fails with errc::not_found if there is none, or none
/// through a gateway.
[[nodiscard]] result<default_route> find_default_route(std::string_view interface = {});

/// A socket for wait_for_route_change().
[[nodiscard]] result<unique_fd> open_route_watch();

/// Waits until an IPv4 route, an address or an interface has changed; which one is not known. False: the socket was closed.
[[nodiscard]] net::task<bool> wait_for_route_change(net::descriptor& watch);

}  // namespace sallyport::reach
