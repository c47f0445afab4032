#include <sallyport/reach/mapping_refusal.hpp>

#include <fmt/format.h>

namespace sallyport::reach {

bool makes_unusable(pcp_result code) noexcept {
    using enum pcp_result;
    switch (code) {
        case unsupported_version:
        case malformed_request:
        case unsupported_opcode:
        case unsupported_option:
        case malformed_option:
        case unsupported_protocol:
        case address_mismatch: return true;
        default: return false;
    }
}

bool makes_unusable(nat_pmp_result code) noexcept { return code == nat_pmp_result::unsupported_opcode; }

bool concerns_all_ports(pcp_result code) noexcept {
    using enum pcp_result;
    return code == network_failure || code == no_resources || code == user_exceeded_quota || code == excessive_remote_peers;
}

bool concerns_all_ports(nat_pmp_result code) noexcept { return code != nat_pmp_result::not_authorized; }

std::string refusal_text(pcp_result code) {
    auto out = fmt::format("{} (PCP result {})", describe(code), static_cast<unsigned>(code));
    if (code == pcp_result::no_resources || code == pcp_result::network_failure)
        out += "; the router may have a private address outside, with another NAT before it";
    return out;
}

std::string refusal_text(nat_pmp_result code) {
    return fmt::format("{} (NAT-PMP result {})", describe(code), static_cast<unsigned>(code));
}

}  // namespace sallyport::reach
