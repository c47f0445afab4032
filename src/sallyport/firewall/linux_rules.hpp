#pragma once
// Writers of rules for the firewalls of Linux hosts (rule_formats.hpp).
//
// Pure functions; any thread.

#include <string>
#include <string_view>
#include <vector>

#include <sallyport/firewall/firewall_needs.hpp>

namespace sallyport::firewall {

/// Commands of nft(8).
[[nodiscard]] std::vector<std::string> nftables_lines(const firewall_needs& needs);
/// Commands of iptables(8) and ip6tables(8).
[[nodiscard]] std::vector<std::string> iptables_lines(const firewall_needs& needs);
/// The names of the commands for the families of these needs.
[[nodiscard]] std::vector<std::string_view> iptables_commands(const firewall_needs& needs);
/// Commands of ufw(8). Lines that begin with "-A" belong in its file before.rules.
[[nodiscard]] std::vector<std::string> ufw_lines(const firewall_needs& needs);
/// Commands of firewall-cmd(1).
[[nodiscard]] std::vector<std::string> firewalld_lines(const firewall_needs& needs);

}  // namespace sallyport::firewall
