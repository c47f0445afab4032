#pragma once
// What an administrator should know before the first client fails (S2): other programs in the passive range, an overlap
// with the ports that the system hands to outgoing connections, ports that middleboxes take for other protocols.

#include <string>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/reach/port_broker.hpp>
#include <sallyport/server/server.hpp>

namespace sallyport::server {

/// One line for each oddity: the thing, what comes of it, and what to do.
[[nodiscard]] std::vector<std::string> startup_report(const settings& config, reach::port_broker& ports,
                                                      const std::vector<endpoint>& listening);

}  // namespace sallyport::server
