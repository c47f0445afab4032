#pragma once
// The UPnP IGD service of the router: finds it, and asks it for port mappings. Requests go to the router's own address only.
//
// Coroutines of one event loop, which must outlive them. Each ends within the limits of base/limits.hpp. Errors of a request
// that the router has refused are errc::rejected.

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/reach/default_route.hpp>
#include <sallyport/reach/port_mapper.hpp>
#include <sallyport/reach/upnp_messages.hpp>

namespace sallyport::reach {

/// The service for connections; for a route of IPv6, that for the firewall. Searches for limits::upnp_search_time, at most.
[[nodiscard]] net::task<result<upnp_service>> find_upnp_service(net::loop& loop, default_route route);

/// Receives the notifications (NOTIFY) of the network of the route.
[[nodiscard]] result<unique_fd> open_notifications(const default_route& route);

/// The router's external address. Fails with errc::unexpected if it has none.
[[nodiscard]] net::task<result<ip_address>> upnp_external_address(net::loop& loop, upnp_service service);

/// Makes or renews a mapping. If another host has the port, another one is tried. A new mapping is deleted again if the
/// router has no external address.
[[nodiscard]] net::task<result<upnp_grant>> add_upnp(net::loop& loop, upnp_service service, ip_address own,
                                                     add_upnp_mapping wanted);

/// Deletes a mapping to `own`, if it is there. Fails with errc::not_allowed if it is one to another host, which many routers
/// would delete too. If the router does not tell whose it is, it is deleted if it `is_granted`: this process has made it.
[[nodiscard]] net::task<result<void>> remove_upnp(net::loop& loop, upnp_service service, ip_address own,
                                                  std::uint16_t external_port, bool is_granted);

}  // namespace sallyport::reach
