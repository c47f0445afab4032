#pragma once
// The UPnP of one router, as the driver of port mappings uses it: the service that a search has found, and what must be
// known of its mappings to renew and delete them. For IPv4 it forwards ports (upnp.hpp), for IPv6 it opens them in its
// firewall (upnp_firewall.hpp), depending on the family of the route.
//
// Owned by the driver and by the coroutines of its requests; one event loop, which outlives it.

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/net/deadline.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/reach/default_route.hpp>
#include <sallyport/reach/port_mapper.hpp>
#include <sallyport/reach/upnp_messages.hpp>

namespace sallyport::reach {

class upnp_router {
public:
    upnp_router(net::loop& loop, default_route route) : loop_(loop), route_(std::move(route)) {}

    /// Finds the service. Returns its external address; for IPv6, where no address changes, this machine's own.
    [[nodiscard]] net::task<result<ip_address>> search();
    /// As above, of the service that was found.
    [[nodiscard]] net::task<result<ip_address>> external_address();
    [[nodiscard]] net::task<result<upnp_grant>> add(add_upnp_mapping wanted);
    [[nodiscard]] net::task<result<void>> remove(remove_upnp_mapping wanted);
    /// Whether a notification says that the service that was found has restarted.
    [[nodiscard]] bool has_restarted(std::string_view notification);

private:
    struct opening {
        std::uint16_t number;
        // After which search. A later one is a sign of a restart, and the number may be that of another opening since.
        unsigned search;
        // It has ended at the router, and its number may be that of another host's opening.
        net::deadline ends;
    };

    [[nodiscard]] bool is_v6() const noexcept { return route_.own.is_v6(); }

    net::loop& loop_;
    const default_route route_;
    std::optional<upnp_service> service_;
    // The openings at the router, by the port. One request for a port runs at a time.
    std::map<std::uint16_t, opening> openings_;
    unsigned searches_ = 0;
};

}  // namespace sallyport::reach
