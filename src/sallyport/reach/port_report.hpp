#pragma once
// Warnings about the passive port range, for the administrator (S2): ports that other programs use, and ALG ports.
//
// Pure, except that it tries to bind the ports, which may block; any thread, at the start or in a worker pool.

#include <string>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/reach/port_broker.hpp>

namespace sallyport::reach {

/// One line per warning: the ports, the effect, and what to do. `local` is an address that the daemon listens on.
[[nodiscard]] std::vector<std::string> port_report(const broker_settings& settings, port_broker& ports,
                                                   const ip_address& local);

}  // namespace sallyport::reach
