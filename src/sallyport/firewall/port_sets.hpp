#pragma once
// Lists of port ranges as sets of ports.
//
// Pure functions; any thread.

#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/address.hpp>

namespace sallyport::firewall {

/// "21,990,30000-30099" with the separators "," and "-".
[[nodiscard]] std::string ports_text(const std::vector<port_range>& ports, std::string_view between,
                                     std::string_view within);

/// The ports in order, each once, and adjacent ones as one range.
[[nodiscard]] std::vector<port_range> merged(std::vector<port_range> ports);
/// The other ports from 1 on.
[[nodiscard]] std::vector<port_range> all_but(std::vector<port_range> ports);
/// The ports that are in both lists, which need not be in order.
[[nodiscard]] std::vector<port_range> common(const std::vector<port_range>& a, const std::vector<port_range>& b);

}  // namespace sallyport::firewall
