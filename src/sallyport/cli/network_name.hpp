#pragma once
// A name for the network that this machine is in, to tell whether what was learned in one network can hold in this one. A
// function without state, which asks the kernel for its routes; any thread. The result is a value; without a route to the
// Internet it is "none", and nothing is an error.

#include <string>

namespace sallyport::cli {

/// The gateway of the default route and the network of this machine's own address, "192.168.1.1 in 192.168.1.0/24". Of IPv4
/// if there is such a route, otherwise of IPv6. Two networks with the same private addresses have the same name.
[[nodiscard]] std::string network_name();

}  // namespace sallyport::cli
