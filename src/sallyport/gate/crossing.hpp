#pragma once
// Data connections of intercepted sessions. They are between client and server and cross this machine, which forwards their
// packets; an opening lets one of them through the administrator's firewall (G2, G3, G11).
//
// Values; any thread.

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/firewall/opening.hpp>
#include <sallyport/gate/translated_ports.hpp>
#include <sallyport/proto/relay_actions.hpp>

namespace sallyport::gate {

struct crossing_peers {
    ip_address client;
    ip_address server;
    // The client's address as the server sees it: the client's own, or what NAT on this machine makes of it. Only for
    // connections from the server.
    ip_address translated{};
};

/// A data connection that crosses this machine: its opening, and the port that takes the place of the client's, if NAT
/// changes the client's address.
struct crossing {
    firewall::opening opening;
    translated_ports::reservation port{};
};

/// The data connection from the peer of the leg `from` to `to`, which the other peer has named. The opening's `listen` is
/// what the peer of `from` receives; its lifetime is not set.
[[nodiscard]] result<crossing> plan_crossing(proto::leg from, const endpoint& to, const crossing_peers& peers,
                                             translated_ports& ports);

}  // namespace sallyport::gate
