#pragma once
// Writers of rules for clouds and container platforms (rule_formats.hpp).
//
// Pure functions; any thread.

#include <string>
#include <vector>

#include <sallyport/firewall/firewall_needs.hpp>

namespace sallyport::firewall {

/// Commands of the AWS CLI that add the rules to a security group.
[[nodiscard]] std::vector<std::string> aws_lines(const firewall_needs& needs);
/// Network policies, and for a server a service. A service has no ranges, so each of its ports is an entry.
[[nodiscard]] std::vector<std::string> kubernetes_lines(const firewall_needs& needs);
/// The published ports of a service for Docker Compose.
[[nodiscard]] std::vector<std::string> docker_lines(const firewall_needs& needs);

}  // namespace sallyport::firewall
