#pragma once
// What the results of PCP and NAT-PMP mean where a mapping was refused. Pure functions; any thread.

#include <string>

#include <sallyport/reach/nat_pmp.hpp>
#include <sallyport/reach/pcp.hpp>

namespace sallyport::reach {

/// The result is about the protocol or the router as a whole, not about a port.
[[nodiscard]] bool makes_unusable(pcp_result code) noexcept;
[[nodiscard]] bool makes_unusable(nat_pmp_result code) noexcept;
/// Other ports would be refused for the same reason.
[[nodiscard]] bool concerns_all_ports(pcp_result code) noexcept;
[[nodiscard]] bool concerns_all_ports(nat_pmp_result code) noexcept;

/// "not authorized (PCP result 2)".
[[nodiscard]] std::string refusal_text(pcp_result code);
[[nodiscard]] std::string refusal_text(nat_pmp_result code);

}  // namespace sallyport::reach
