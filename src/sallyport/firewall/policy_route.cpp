#include <sallyport/firewall/policy_route.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <random>
#include <vector>

#include <fmt/format.h>
#include <sys/socket.h>

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

namespace sallyport::firewall {
namespace {

// The number of this program as the origin of rules and routes, as ip(8) shows it; none of /etc/iproute2/rt_protos.
constexpr std::uint8_t origin = 83;
// Before the rules of most programs, which begin at 1000, and after the one for this machine's addresses (0).
constexpr std::uint32_t rule_priority = 83;
// Two bits each, from rarely used ones on: programs for containers and VPNs use the lower ones.
constexpr std::uint32_t first_mark_mask = 0x30000000;
constexpr int mark_candidates = 8;
// "lo" has this number in every network namespace. Asking for it would need system calls that the helper does not have.
constexpr std::uint32_t loopback_interface = 1;
constexpr std::uint32_t first_table = 8300;
constexpr std::uint32_t last_table = 8399;

struct routing_rule {
    bool v4 = true;
    std::uint32_t mark = 0;
    // 0: it does not depend on the mark.
    std::uint32_t mask = 0;
    std::uint32_t table = 0;
    std::uint8_t protocol = 0;
    // Of the route in that table; 0: any, to remove it.
    std::uint32_t metric = 0;
};

constexpr auto routing = "netlink to the kernel's routing";

using message_buffer = std::array<char, 512>;

nlmsghdr* rule_message(message_buffer& buffer, const routing_rule& r, bool create) {
    auto* m = mnl_nlmsg_put_header(buffer.data());
    m->nlmsg_type = create ? RTM_NEWRULE : RTM_DELRULE;
    // Without NLM_F_EXCL, so that another process may have the same rule.
    m->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | (create ? NLM_F_CREATE : 0));
    auto* header = static_cast<fib_rule_hdr*>(mnl_nlmsg_put_extra_header(m, sizeof(fib_rule_hdr)));
    header->family = static_cast<std::uint8_t>(r.v4 ? AF_INET : AF_INET6);
    header->action = FR_ACT_TO_TBL;
    mnl_attr_put_u32(m, FRA_PRIORITY, rule_priority);
    mnl_attr_put_u32(m, FRA_FWMARK, r.mark);
    mnl_attr_put_u32(m, FRA_FWMASK, r.mask);
    mnl_attr_put_u32(m, FRA_TABLE, r.table);
    mnl_attr_put_u8(m, FRA_PROTOCOL, origin);
    return m;
}

nlmsghdr* route_message(message_buffer& buffer, const routing_rule& r, bool create) {
    auto* m = mnl_nlmsg_put_header(buffer.data());
    m->nlmsg_type = create ? RTM_NEWROUTE : RTM_DELROUTE;
    m->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | (create ? NLM_F_CREATE | NLM_F_EXCL : 0));
    auto* header = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(m, sizeof(rtmsg)));
    header->rtm_family = static_cast<std::uint8_t>(r.v4 ? AF_INET : AF_INET6);
    header->rtm_protocol = origin;
    header->rtm_scope = RT_SCOPE_HOST;
    header->rtm_type = RTN_LOCAL;
    mnl_attr_put_u32(m, RTA_TABLE, r.table);
    mnl_attr_put_u32(m, RTA_OIF, loopback_interface);
    if (r.metric != 0) mnl_attr_put_u32(m, RTA_PRIORITY, r.metric);
    return m;
}

[[nodiscard]] int send_message(mnl_socket& to, const nlmsghdr* m) {
    return exchange(to, m, [](const nlmsghdr*) {});
}

void remove_both(mnl_socket& by, const routing_rule& r) {
    message_buffer buffer{};
    (void)send_message(by, rule_message(buffer, r, false));
    buffer = {};
    (void)send_message(by, route_message(buffer, r, false));
}

[[nodiscard]] result<std::vector<routing_rule>> all_rules(mnl_socket& from) {
    std::vector<routing_rule> out;
    for (const bool v4 : {true, false}) {
        message_buffer buffer{};
        auto* m = mnl_nlmsg_put_header(buffer.data());
        m->nlmsg_type = RTM_GETRULE;
        m->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
        static_cast<fib_rule_hdr*>(mnl_nlmsg_put_extra_header(m, sizeof(fib_rule_hdr)))->family =
            static_cast<std::uint8_t>(v4 ? AF_INET : AF_INET6);
        const int os = exchange(from, m, [&](const nlmsghdr* r) {
            if (r->nlmsg_type != RTM_NEWRULE) return;
            routing_rule listed{.v4 = v4};
            listed.table = static_cast<const fib_rule_hdr*>(mnl_nlmsg_get_payload(r))->table;
            mnl_attr_parse(
                r, sizeof(fib_rule_hdr),
                [](const nlattr* a, void* into) {
                    auto& rule = *static_cast<routing_rule*>(into);
                    switch (mnl_attr_get_type(a)) {
                        case FRA_FWMARK: rule.mark = mnl_attr_get_u32(a); break;
                        case FRA_FWMASK: rule.mask = mnl_attr_get_u32(a); break;
                        case FRA_TABLE: rule.table = mnl_attr_get_u32(a); break;
                        case FRA_PROTOCOL: rule.protocol = mnl_attr_get_u8(a); break;
                        default: break;
                    }
                    return MNL_CB_OK;
                },
                &listed);
            out.push_back(listed);
        });
        if (os != 0 && os != EAFNOSUPPORT && os != EOPNOTSUPP) return fail_os(os, "the kernel's routing rules");
    }
    return out;
}

/// Whether another program has routes in the table. The kernel filters by table, so that a large number of other routes does
/// not matter.
[[nodiscard]] result<bool> has_other_routes(std::uint32_t table) {
    auto socket = open_route_socket(routing);
    if (!socket) return std::unexpected(std::move(socket).error());
    int on = 1;
    (void)mnl_socket_setsockopt(socket->get(), NETLINK_GET_STRICT_CHK, &on, sizeof on);
    bool out = false;
    for (const bool v4 : {true, false}) {
        message_buffer buffer{};
        auto* m = mnl_nlmsg_put_header(buffer.data());
        m->nlmsg_type = RTM_GETROUTE;
        m->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
        static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(m, sizeof(rtmsg)))->rtm_family =
            static_cast<std::uint8_t>(v4 ? AF_INET : AF_INET6);
        mnl_attr_put_u32(m, RTA_TABLE, table);
        const int os = exchange(**socket, m, [&](const nlmsghdr* r) {
            if (r->nlmsg_type != RTM_NEWROUTE) return;
            const auto* header = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(r));
            std::uint32_t of = header->rtm_table;
            mnl_attr_parse(
                r, sizeof(rtmsg),
                [](const nlattr* a, void* into) {
                    if (mnl_attr_get_type(a) == RTA_TABLE) *static_cast<std::uint32_t*>(into) = mnl_attr_get_u32(a);
                    return MNL_CB_OK;
                },
                &of);
            out = out || (of == table && header->rtm_protocol != origin);
        });
        // ENOENT: the table does not exist.
        if (os != 0 && os != ENOENT && os != EAFNOSUPPORT && os != EOPNOTSUPP) return fail_os(os, "the kernel's routes");
    }
    return out;
}

// A rule for one full mark, as VPN programs have, does not match our packets unless it has one of these bits.
[[nodiscard]] bool is_free(std::uint32_t mask, const std::vector<routing_rule>& rules) {
    return std::ranges::none_of(rules, [mask](const routing_rule& r) {
        return (r.mark & mask) != 0 || ((r.mask & mask) != 0 && r.mask != 0xffffffff);
    });
}

}  // namespace

result<void> choose_free_numbers(interception_settings& s) {
    auto socket = open_route_socket(routing);
    if (!socket) return std::unexpected(std::move(socket).error());
    const auto rules = all_rules(**socket);
    if (!rules) return std::unexpected(rules.error());
    if (s.mark.mask == 0) {
        for (int i = 0; i < mark_candidates && s.mark.mask == 0; ++i) {
            const auto mask = first_mark_mask >> (2 * i);
            if (is_free(mask, *rules)) s.mark = {mask & (mask >> 1U), mask};
        }
        if (s.mark.mask == 0)
            return fail(errc::exhausted,
                        "the routing rules of this machine use all bits of marks that are tried; choose some "
                        "with --mark VALUE/MASK (`ip rule` lists those in use)");
    }
    for (auto table = first_table; s.route_table == 0 && table <= last_table; ++table) {
        if (std::ranges::none_of(*rules, [table](const routing_rule& r) { return r.table == table; })) s.route_table = table;
    }
    if (s.route_table == 0)
        return fail(errc::exhausted,
                    fmt::format("the routing tables {} to {} are in use; choose another one with --route-table", first_table,
                                last_table));
    return {};
}

result<bool> take_numbers_in_use(interception_settings& s) {
    auto socket = open_route_socket(routing);
    if (!socket) return std::unexpected(std::move(socket).error());
    const auto rules = all_rules(**socket);
    if (!rules) return std::unexpected(rules.error());
    const auto found = std::ranges::find_if(*rules, [&s](const routing_rule& r) {
        const bool same_mark = s.mark.mask == 0 || s.mark == mark_bits{r.mark, r.mask};
        return r.protocol == origin && same_mark && (s.route_table == 0 || s.route_table == r.table);
    });
    if (found == rules->end()) return false;
    s.mark = {found->mark, found->mask};
    s.route_table = found->table;
    return true;
}

result<policy_route> policy_route::add(mark_bits mark, std::uint32_t table) {
    auto socket = open_route_socket(routing);
    if (!socket) return std::unexpected(std::move(socket).error());
    const auto in_use = has_other_routes(table);
    if (!in_use) return std::unexpected(in_use.error());
    if (*in_use)
        return fail(errc::busy, fmt::format("routing table {} has routes of another program; choose another table with "
                                            "--route-table",
                                            table));
    std::random_device random;
    policy_route out(std::move(*socket), mark, table, random() | 1U);
    for (const bool v4 : {true, false}) {
        const routing_rule wanted{v4, mark.value, mark.mask, table, origin, out.metric_};
        message_buffer buffer{};
        auto os = send_message(*out.socket_, route_message(buffer, wanted, true));
        buffer = {};
        if (os == 0) os = send_message(*out.socket_, rule_message(buffer, wanted, true));
        // A system without IPv6.
        if (!v4 && (os == EAFNOSUPPORT || os == EOPNOTSUPP || os == ENODEV || os == EACCES)) continue;
        if (os == 0) continue;
        if (os == EPERM)
            return fail_os(os,
                           "adding a routing rule; run as root, or grant CAP_NET_ADMIN (AmbientCapabilities= in a unit)");
        return fail_os(os, fmt::format("adding a routing rule and a local route in table {}; the kernel must have "
                                       "CONFIG_IP_MULTIPLE_TABLES",
                                       table));
    }
    return out;
}

policy_route::~policy_route() {
    if (!socket_) return;
    for (const bool v4 : {true, false}) remove_both(*socket_, {v4, mark_.value, mark_.mask, table_, origin, metric_});
}

std::string policy_route::text(mark_bits mark, std::uint32_t table) {
    std::string out;
    for (const auto* family : {"", "-6 "}) {
        out += fmt::format("ip {}route add local default dev lo table {} proto {}\n", family, table, origin);
        out += fmt::format("ip {}rule add priority {} fwmark 0x{:x}/0x{:x} lookup {} proto {}\n", family, rule_priority,
                           mark.value, mark.mask, table, origin);
    }
    return out;
}

result<void> remove_left_routes() {
    auto socket = open_route_socket(routing);
    if (!socket) return std::unexpected(std::move(socket).error());
    const auto rules = all_rules(**socket);
    if (!rules) return std::unexpected(rules.error());
    for (const auto& r : *rules) {
        if (r.protocol == origin) remove_both(**socket, r);
    }
    return {};
}

}  // namespace sallyport::firewall
