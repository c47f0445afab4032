#pragma once
// What firewalls must allow for a daemon with these options: on its own host, and on the hosts of its clients.
//
// Pure functions; any thread. The facts of the machine are arguments (machine_facts).

#include <sallyport/cli/machine_facts.hpp>
#include <sallyport/cli/start_report.hpp>
#include <sallyport/firewall/firewall_needs.hpp>

namespace sallyport::cli {

/// Whether passive ports are those that the system chooses.
[[nodiscard]] bool uses_any_port(const report_input& subject);

[[nodiscard]] firewall::firewall_needs server_needs(const report_input& subject, const machine_facts& machine);

/// For clients of that daemon: its external ports. `active`: also for active mode, in which the server connects to any port
/// of the client, and any host may do so that uses the same source port.
[[nodiscard]] firewall::firewall_needs client_needs(const report_input& subject, const machine_facts& machine, bool active);

}  // namespace sallyport::cli
