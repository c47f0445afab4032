#pragma once
// What an administrator should know of the passive range before the first client fails (S2), and what only a look at the
// ports themselves shows: those that other programs hold, and those left out because devices grab them.
// Pure but for the look, which may block: at the start or on a worker pool, any thread.

#include <string>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/reach/port_broker.hpp>

namespace sallyport::reach {

/// One line for each oddity: the thing, what comes of it, and what to do. `local`: where the daemon listens.
[[nodiscard]] std::vector<std::string> port_report(const broker_settings& settings, port_broker& ports,
                                                   const ip_address& local);

}  // namespace sallyport::reach
