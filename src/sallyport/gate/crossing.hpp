#pragma once
// Data connections of intercepted sessions. They are between client and server and cross this machine, which forwards their
// packets; an opening lets one of them through the administrator's firewall (G2, G3, G11).
//
// Values, and a function that asks the machine; any thread.

#include <chrono>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/firewall/opening.hpp>
#include <sallyport/firewall/router.hpp>
#include <sallyport/proto/relay_actions.hpp>

namespace sallyport::gate {

/// The two peers, and the descriptor of the control connection of the backend leg.
struct crossing_peers {
    ip_address client;
    ip_address server;
    int backend_control = -1;
};

/// The opening for a data connection from the peer of the leg `from` to `to`, which the other peer has named. Its `listen`
/// is what the peer of `from` receives: `to` itself, or, where NAT has changed the client's address, the address that
/// the server sees, with a random port.
[[nodiscard]] result<firewall::opening> crossing_opening(proto::leg from, const endpoint& to, const crossing_peers& peers,
                                                         firewall::router& machine, std::chrono::milliseconds lifetime);

}  // namespace sallyport::gate
