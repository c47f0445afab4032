#pragma once
// The addresses of this machine's network interfaces. The result is a value; any thread.

#include <vector>

#include <sallyport/base/address.hpp>

namespace sallyport::net {

/// Reads the current addresses from the kernel. Empty if that fails.
[[nodiscard]] std::vector<ip_address> interface_addresses();

}  // namespace sallyport::net
