#pragma once
// The addresses of this machine's interfaces.

#include <vector>

#include <sallyport/base/address.hpp>

namespace sallyport::net {

/// Those of now; a look at the kernel's tables. Empty where the system does not tell. Any thread.
[[nodiscard]] std::vector<ip_address> interface_addresses();

}  // namespace sallyport::net
