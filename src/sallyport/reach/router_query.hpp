#pragma once
// Asks the router which protocols for port mappings it speaks, and for its external address, with the questions of PCP
// (ANNOUNCE) and NAT-PMP (external address) that change nothing at the router.
//
// A question owns its socket. On the thread of the loop, which outlives it.

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/reach/default_route.hpp>
#include <sallyport/reach/reachability.hpp>

namespace sallyport::reach {

/// A UDP socket from this machine's address that sends to the router and receives from it alone.
[[nodiscard]] result<unique_fd> open_router_socket(const default_route& route);

/// Takes at most as long as limits::router_tries questions without an answer.
net::task<router_answer> ask_router_by_pcp(net::loop& loop, ip_address own, ip_address router);
net::task<router_answer> ask_router_by_nat_pmp(net::loop& loop, ip_address own, ip_address router);

}  // namespace sallyport::reach
