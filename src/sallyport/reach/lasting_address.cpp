#include <sallyport/reach/lasting_address.hpp>

#include <algorithm>
#include <array>
#include <cerrno>

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <sallyport/firewall/netlink.hpp>
#include <sallyport/reach/route_attributes.hpp>

namespace sallyport::reach {
namespace {

constexpr std::uint32_t passing = IFA_F_TEMPORARY | IFA_F_DEPRECATED | IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_OPTIMISTIC;

int on_address_attribute(const nlattr* attribute, void* data) {
    auto& found = *static_cast<interface_address*>(data);
    const auto type = mnl_attr_get_type(attribute);
    if (type == IFA_ADDRESS) found.address = address_in(attribute).value_or(ip_address());
    // The flags in the header have eight bits only.
    if (type == IFA_FLAGS && mnl_attr_validate(attribute, MNL_TYPE_U32) == 0) found.flags = mnl_attr_get_u32(attribute);
    return MNL_CB_OK;
}

}  // namespace

result<std::vector<interface_address>> list_ipv6_addresses() {
    constexpr auto subject = "the kernel's addresses cannot be read";
    const auto socket = firewall::open_route_socket(subject);
    if (!socket) return std::unexpected(socket.error());
    alignas(nlmsghdr) std::array<char, 512> buffer{};
    auto* const request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = RTM_GETADDR;
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    static_cast<ifaddrmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(ifaddrmsg)))->ifa_family = AF_INET6;
    std::vector<interface_address> out;
    const int failed = firewall::exchange(**socket, request, [&out](const nlmsghdr* reply) {
        if (reply->nlmsg_type != RTM_NEWADDR) return;
        const auto* const about = static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(reply));
        interface_address found{.address = {}, .interface = about->ifa_index, .flags = about->ifa_flags};
        (void)mnl_attr_parse(reply, sizeof(ifaddrmsg), on_address_attribute, &found);
        if (found.address.is_v6()) out.push_back(found);
    });
    if (failed != 0) return fail_os(failed, subject);
    return out;
}

std::optional<ip_address> lasting_address(std::span<const interface_address> all, const ip_address& chosen) {
    const auto own = std::ranges::find(all, chosen, &interface_address::address);
    if (own == all.end()) return std::nullopt;
    if ((own->flags & passing) == 0) return chosen;
    const interface_address* best = nullptr;
    for (const auto& each : all) {
        if (each.interface != own->interface || (each.flags & passing) != 0 || !each.address.is_public()) continue;
        if (best == nullptr || common_bits(each.address, chosen) > common_bits(best->address, chosen)) best = &each;
    }
    return best == nullptr ? std::nullopt : std::optional(best->address);
}

bool is_link_local_pending(std::span<const interface_address> all, unsigned interface) {
    bool is_pending = false;
    for (const auto& each : all) {
        if (each.interface != interface || !each.address.is_link_local()) continue;
        if ((each.flags & passing) == 0) return false;
        const auto state = each.flags & (IFA_F_TENTATIVE | IFA_F_OPTIMISTIC | IFA_F_DADFAILED);
        is_pending = is_pending || (state != 0 && (state & IFA_F_DADFAILED) == 0);
    }
    return is_pending;
}

}  // namespace sallyport::reach
