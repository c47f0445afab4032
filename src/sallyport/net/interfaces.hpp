#pragma once
// The addresses of this machine's network interfaces, and their networks. The results are values; any thread.

#include <vector>

#include <sallyport/base/address.hpp>

namespace sallyport::net {

/// Reads the current addresses from the kernel. Empty if that fails.
[[nodiscard]] std::vector<ip_address> interface_addresses();
/// The networks of these addresses, without those of one address.
[[nodiscard]] std::vector<ip_network> interface_networks();

}  // namespace sallyport::net
