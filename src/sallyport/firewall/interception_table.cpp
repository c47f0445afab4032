#include <sallyport/firewall/interception_table.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include <fmt/format.h>
// Before the kernel's headers, which then leave out what both define.
#include <netinet/in.h>

#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <sallyport/firewall/conntrack.hpp>
#include <sallyport/firewall/interception_rules.hpp>
#include <sallyport/firewall/nft_rule.hpp>

namespace sallyport::firewall {
namespace {

[[nodiscard]] result<void> create(mnl_socket& by, const std::string& name, bool owned,
                                  const std::vector<rule_chain>& chains) {
    nft_transaction all;
    add_table(all, name, owned);
    add_chains(all, name, chains);
    return all.commit(by);
}

/// A part of the kernel that the rules need, with a rule that uses it alone.
struct kernel_part {
    const char* name;
    std::vector<any_rule_part> rule;
};

/// The parts that the kernel refuses, by trying each of them; empty if it has all.
[[nodiscard]] std::string missing_parts(const interception_settings& s) {
    using namespace rule_part;
    std::vector<kernel_part> parts{
        {"the conntrack helper \"sane\" (module nf_conntrack_sane)", {new_connection{}, set_helper{}}},
        {"marks of connections (CONFIG_NF_CONNTRACK_MARK)", {set_mark{true, 1, 1}}},
        {"lookups of routes in rules (module nft_fib_inet)", {own_address{}, verdict::leave_chain}},
        {"lookups of sockets in rules (module nft_socket)", {port{true, 21}, transparent_socket{}, verdict::accept}},
    };
    for (const bool v4 : {true, false}) {
        if (s.listens(v4))
            parts.push_back({v4 ? "TPROXY for IPv4 (modules nft_tproxy, nf_tproxy_ipv4)"
                                : "TPROXY for IPv6 (modules nft_tproxy, nf_tproxy_ipv6)",
                             {family{v4}, deliver{v4, 1}}});
    }
    std::string out;
    for (const auto& p : parts) {
        // The kernel removes the table with the socket.
        const auto socket = open_nft_socket();
        if (!socket) continue;
        const std::vector chains{rule_chain{"test", rule_chain::hook_place{NF_INET_PRE_ROUTING, 0}, {p.rule}}};
        if (create(**socket, unique_table_name(), true, chains)) continue;
        out += out.empty() ? "" : ", ";
        out += p.name;
    }
    return out;
}

[[nodiscard]] error cannot_intercept(const error& reason, const interception_settings& s) {
    if (reason.os == EPERM || reason.os == EACCES)
        return {reason.code, reason.os,
                "sessions cannot be intercepted without CAP_NET_ADMIN; run as root, or grant it (AmbientCapabilities= in a "
                "systemd unit)"};
    const auto missing = missing_parts(s);
    if (missing.empty())
        return {reason.code, reason.os, fmt::format("the kernel refuses the rules of the interception ({})", reason.what)};
    return {errc::unsupported, reason.os,
            fmt::format("this kernel lacks {}; load the modules, or use a kernel that has them", missing)};
}

/// A gateway runs: the kernel removes its table with it.
[[nodiscard]] bool has_table_of_gateway(const std::vector<std::string>& names) {
    return std::ranges::any_of(names, [](const std::string& name) {
        return name.starts_with(table_prefix) && !name.starts_with(blocking_table_prefix);
    });
}

[[nodiscard]] result<std::vector<std::string>> table_names() {
    auto socket = open_nft_socket();
    if (!socket) return std::unexpected(std::move(socket).error());
    alignas(nlmsghdr) std::array<char, 16384> buffer{};
    auto* request = nftnl_nlmsg_build_hdr(buffer.data(), NFT_MSG_GETTABLE, NFPROTO_INET, NLM_F_DUMP, 1);
    std::vector<std::string> out;
    const int os = exchange(**socket, request, [&](const nlmsghdr* r) {
        if (r->nlmsg_type < NLMSG_MIN_TYPE) return;
        const auto parsed = owned_by<nftnl_table_free>(nftnl_table_alloc());
        if (nftnl_table_nlmsg_parse(r, parsed.get()) == 0)
            out.emplace_back(nftnl_table_get_str(parsed.get(), NFTNL_TABLE_NAME));
    });
    if (os != 0) return fail_os(os, "nf_tables");
    return out;
}

}  // namespace

result<std::unique_ptr<interception_table>> interception_table::start(const interception_settings& settings) {
    auto owner = open_nft_socket();
    if (!owner) return std::unexpected(std::move(owner).error());
    auto reader = open_nft_socket();
    if (!reader) return std::unexpected(std::move(reader).error());
    auto route = policy_route::add(settings.mark, settings.route_table);
    if (!route) return std::unexpected(std::move(route).error());
    std::unique_ptr<interception_table> out(
        new interception_table(unique_table_name(), std::move(*route), std::move(*reader), std::move(*owner)));
    auto made = create(*out->owner_, out->name_, true, interception_chains(settings));
    if (made && settings.down == when_down::block) {
        auto blocking = unique_table_name(blocking_table_prefix);
        auto socket = open_nft_socket();
        made = socket ? create(**socket, blocking, false, blocking_chains(settings))
                      : result<void>(std::unexpected(std::move(socket).error()));
        if (made) out->blocking_ = std::move(blocking);
    }
    if (!made) return std::unexpected(cannot_intercept(made.error(), settings));
    return out;
}

interception_table::~interception_table() {
    if (blocking_.empty()) return;
    const auto socket = open_nft_socket();
    if (!socket) return;
    nft_transaction all;
    remove_table(all, blocking_);
    (void)all.commit(**socket);
}

result<void> interception_table::change_passing(std::size_t interception, bool add, const ip_address& client,
                                                const ip_address& server) {
    nft_transaction all;
    change_pair(all, name_, passing_set(interception, client.is_v4()), add, client, server);
    return all.commit(*owner_);
}

result<std::int64_t> interception_table::dropped_requests() const {
    const auto taken = packets_in(*reader_, name_, taken_requests);
    if (!taken) return std::unexpected(taken.error());
    const auto admitted = packets_in(*reader_, name_, admitted_requests);
    if (!admitted) return std::unexpected(admitted.error());
    return static_cast<std::int64_t>(*taken - *admitted);
}

result<std::vector<std::string>> blocking_tables() {
    auto names = table_names();
    if (names) std::erase_if(*names, [](const std::string& name) { return !name.starts_with(blocking_table_prefix); });
    return names;
}

result<bool> take_numbers_of_running_gateway(interception_settings& s) {
    const auto names = table_names();
    if (names && !has_table_of_gateway(*names)) return false;
    return take_numbers_in_use(s);
}

result<void> remove_leftovers() {
    const auto names = table_names();
    if (!names) return std::unexpected(names.error());
    if (has_table_of_gateway(*names)) return {};
    if (auto removed = remove_left_routes(); !removed) return removed;
    auto tracking = conntrack::open();
    if (!tracking) return std::unexpected(std::move(tracking).error());
    return tracking->remove_all(control_helper);
}

}  // namespace sallyport::firewall
