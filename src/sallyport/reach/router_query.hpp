#pragma once
// Asks the router which protocols for port mappings it speaks, and for its external address, with the questions of PCP
// (ANNOUNCE) and NAT-PMP (external address) that change nothing at the router.
//
// The call owns its socket, which receives from the router's address and port only. On the thread of the loop, which
// outlives it.

#include <sallyport/base/address.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/reach/reachability.hpp>

namespace sallyport::reach {

/// Takes at most as long as limits::router_tries questions without an answer.
net::task<router_answer> ask_router_by_pcp(net::loop& loop, ip_address own, ip_address router);
net::task<router_answer> ask_router_by_nat_pmp(net::loop& loop, ip_address own, ip_address router);

}  // namespace sallyport::reach
