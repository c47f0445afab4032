#pragma once
// Writers of rules for firewalls of other systems, and of routers in front of the host (rule_formats.hpp).
//
// Pure functions; any thread.

#include <string>
#include <vector>

#include <sallyport/firewall/firewall_needs.hpp>

namespace sallyport::firewall {

/// Lines of pf.conf(5).
[[nodiscard]] std::vector<std::string> pf_lines(const firewall_needs& needs);
/// Commands of PowerShell for the firewall of Windows.
[[nodiscard]] std::vector<std::string> windows_lines(const firewall_needs& needs);
/// Commands of MikroTik RouterOS.
[[nodiscard]] std::vector<std::string> mikrotik_lines(const firewall_needs& needs);
/// Access lists of Cisco IOS, one for each direction.
[[nodiscard]] std::vector<std::string> cisco_lines(const firewall_needs& needs);

}  // namespace sallyport::firewall
