#pragma once
// The UPnP service for the router's IPv6 firewall (WANIPv6FirewallControl:1): has it admit connections to a port of this
// machine. Such an opening ("pinhole") has a number at the router, by which it is renewed and closed.
//
// Requests come from the address `own`, since a router admits connections only to the host that asks (section 2.4.3). Errors
// of a request that the router has refused are errc::rejected. Coroutines of one event loop, which must outlive them.

#include <chrono>
#include <cstdint>
#include <optional>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/reach/upnp_messages.hpp>

namespace sallyport::reach {

/// Fails with errc::unexpected if the router's firewall is off, so that nothing is to be opened, or permits no openings.
[[nodiscard]] net::task<result<void>> check_upnp_firewall(net::loop& loop, upnp_service service, ip_address own);

/// Makes an opening for TCP connections from everywhere, or renews the one with the number `known`. Returns its number,
/// which is another one if the router does not renew that. After a restart of the router, a number may be that of another
/// opening, so none is known then.
[[nodiscard]] net::task<result<std::uint16_t>> open_in_firewall(net::loop& loop, upnp_service service, endpoint own,
                                                                std::chrono::seconds lease,
                                                                std::optional<std::uint16_t> known);

/// Closes an opening, if it is there.
[[nodiscard]] net::task<result<void>> close_in_firewall(net::loop& loop, upnp_service service, ip_address own,
                                                        std::uint16_t number);

}  // namespace sallyport::reach
