#include <sallyport/reach/default_route.hpp>

#include <array>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/firewall/netlink.hpp>
#include <sallyport/net/connecting.hpp>
#include <sallyport/reach/lasting_address.hpp>
#include <sallyport/reach/route_attributes.hpp>

namespace sallyport::reach {
namespace {

/// Any address of the Internet: those of a.root-servers.net. The kernel looks up the route to it, and no packet is sent.
[[nodiscard]] ip_address distant(address_family family) {
    return family == address_family::ipv4
               ? ip_address::v4({198, 41, 0, 4})
               : ip_address::v6({0x20, 0x01, 0x05, 0x03, 0xba, 0x3e, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0x30});
}

struct found_route {
    std::optional<ip_address> gateway;
    std::optional<ip_address> own;
    unsigned interface = 0;
};

int on_attribute(const nlattr* attribute, void* data) {
    auto& found = *static_cast<found_route*>(data);
    switch (mnl_attr_get_type(attribute)) {
        case RTA_GATEWAY: found.gateway = address_in(attribute); break;
        case RTA_PREFSRC: found.own = address_in(attribute); break;
        case RTA_OIF:
            if (mnl_attr_validate(attribute, MNL_TYPE_U32) == 0) found.interface = mnl_attr_get_u32(attribute);
            break;
        default: break;
    }
    return MNL_CB_OK;
}

/// 0 or the errno. `interface` 0: any.
[[nodiscard]] int look_up(unsigned interface, address_family family, found_route& into) {
    const auto socket = firewall::open_route_socket({});
    if (!socket) return socket.error().os;
    alignas(nlmsghdr) std::array<char, 512> buffer{};
    auto* const request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = RTM_GETROUTE;
    request->nlmsg_flags = NLM_F_REQUEST;
    auto* const about = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(rtmsg)));
    const auto to = distant(family);
    about->rtm_family = to.is_v4() ? AF_INET : AF_INET6;
    about->rtm_dst_len = to.is_v4() ? 32 : 128;
    mnl_attr_put(request, RTA_DST, to.is_v4() ? 4 : 16, to.bytes().data());
    if (interface != 0) mnl_attr_put_u32(request, RTA_OIF, interface);
    return firewall::exchange(**socket, request, [&into](const nlmsghdr* reply) {
        if (reply->nlmsg_type == RTM_NEWROUTE) (void)mnl_attr_parse(reply, sizeof(rtmsg), on_attribute, &into);
    });
}

/// An address of this machine for other hosts to connect to, in place of the one that the kernel has chosen.
[[nodiscard]] std::optional<ip_address> to_advertise(const ip_address& chosen) {
    if (chosen.is_v4()) return chosen;
    const auto all = list_ipv6_addresses();
    return all ? lasting_address(*all, chosen) : std::nullopt;
}

}  // namespace

result<default_route> find_default_route(std::string_view interface, address_family family) {
    const auto shown = escape(interface, 100);
    const auto index = interface.empty() ? 0 : ::if_nametoindex(std::string(interface).c_str());
    if (index == 0 && !interface.empty()) return fail(errc::not_found, fmt::format("there is no interface {}", shown));
    found_route found;
    const int failed = look_up(index, family, found);
    if (failed != 0 && failed != ENETUNREACH) return fail_os(failed, "the kernel's routes cannot be read");
    if (failed != 0 || !found.gateway || !found.own)
        return fail(errc::not_found, interface.empty() ? "this machine has no default route through a gateway"
                                                       : fmt::format("{} has no default route through a gateway", shown));
    if (found.gateway->is_link_local() && found.gateway->is_v6())
        found.gateway = ip_address::v6(found.gateway->bytes(), found.interface);
    const auto own = to_advertise(*found.own);
    if (!own)
        return fail(
            errc::unsupported,
            fmt::format("the IPv6 address {} is temporary or not ready yet, and this interface has no permanent public one",
                        found.own->text()));
    default_route out{.gateway = *found.gateway, .own = *own, .interface = {}};
    std::array<char, IF_NAMESIZE> name{};
    if (::if_indextoname(found.interface, name.data()) != nullptr) out.interface = name.data();
    return out;
}

bool is_early(const default_route& route) {
    if (route.gateway.is_v4() || !route.gateway.is_link_local()) return false;
    const auto all = list_ipv6_addresses();
    return all && is_link_local_pending(*all, ::if_nametoindex(route.interface.c_str()));
}

std::optional<ip_address> find_own_address(address_family family) {
    const auto own = net::own_address_for(distant(family));
    return own ? to_advertise(*own) : std::nullopt;
}

result<unique_fd> open_route_watch() {
    unique_fd out(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
    sockaddr_nl groups{};
    groups.nl_family = AF_NETLINK;
    groups.nl_groups = RTMGRP_IPV4_ROUTE | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_ROUTE | RTMGRP_IPV6_IFADDR | RTMGRP_LINK;
    if (!out || ::bind(out.get(), reinterpret_cast<const sockaddr*>(&groups), sizeof groups) != 0)
        return fail_os(errno, "changes of routes cannot be watched");
    return out;
}

net::task<bool> wait_for_route_change(net::descriptor& watch) {
    if (co_await watch.readable(net::deadline::max()) == net::wait_result::cancelled) co_return false;
    std::array<char, 8192> block{};
    // ENOBUFS: there was more than the socket holds.
    while (::recv(watch.get(), block.data(), block.size(), MSG_DONTWAIT) >= 0 || errno == ENOBUFS) {
    }
    co_return true;
}

}  // namespace sallyport::reach
