#include <sallyport/firewall/opening.hpp>

#include <cerrno>
#include <fstream>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <sallyport/firewall/table.hpp>

namespace sallyport::firewall {
namespace {

[[nodiscard]] bool is_on(const char* setting) {
    std::ifstream file(setting);
    int value = 0;
    return file >> value && value != 0;
}

}  // namespace

std::string opening::text() const {
    auto out = fmt::format("{} to {}", client.text(), listen.text());
    if (forward_to != listen || !keeps_source()) out += ", forwarded";
    if (forward_to != listen) out += " to " + forward_to.text();
    if (!keeps_source()) out += " from " + source.text();
    return out;
}

result<owned_control_connections> owned_control_connections::duplicate(control_connections of) {
    owned_control_connections out;
    for (const auto& [from, to] : {std::pair{of.client, &out.client}, {of.backend, &out.backend}}) {
        if (from < 0) continue;
        to->reset(::fcntl(from, F_DUPFD_CLOEXEC, 0));
        if (!*to) return fail_os(errno, "duplicating the descriptor of a control connection");
    }
    return out;
}

forwarding forwarding::of_system() {
    constexpr auto v4 = "/proc/sys/net/ipv4/ip_forward";
    // A system without IPv6 has no such setting.
    return {is_on(v4), is_on("/proc/sys/net/ipv6/conf/all/forwarding"), ::access(v4, R_OK) == 0};
}

result<void> can_forward(const opening& o, forwarding allowed) {
    if (o.lifetime.count() <= 0) return fail(errc::misuse, "an opening without a lifetime");
    const auto& target = o.forward_to.address;
    const bool v4 = o.client.is_v4();
    if (o.listen.address.is_v4() != v4 || target.is_v4() != v4 || o.source.is_v4() != v4)
        return fail(errc::unsupported, "NAT cannot forward between IPv4 and IPv6");
    for (const auto* address : {&o.client, &o.listen.address, &target, &o.source}) {
        if (address->is_unspecified() || address->is_multicast() || address->is_link_local())
            return fail(errc::unsupported,
                        fmt::format("{}: connections from or to such an address are not forwarded", address->text()));
    }
    // The system accepts packets with loopback addresses on the interface lo only.
    if (o.client.is_loopback() != target.is_loopback() || o.source.is_loopback() != target.is_loopback())
        return fail(
            errc::unreachable,
            fmt::format(
                "cannot forward between {} and {}: loopback addresses can be reached from loopback addresses only; use "
                "another address of the server",
                o.client.text(), target.text()));
    // A host that connects to one of its own addresses uses that address as the source too.
    const bool client_is_local = o.client == o.listen.address || o.client.is_loopback();
    const bool server_is_local = o.source == target || target.is_loopback();
    if (client_is_local || server_is_local || (v4 ? allowed.v4 : allowed.v6)) return {};
    const auto* const setting = v4 ? "net.ipv4.ip_forward" : "net.ipv6.conf.all.forwarding";
    if (!allowed.is_known)
        return fail(errc::unreachable,
                    fmt::format("{} cannot be read by this process, so forwarding between {} and {} is not assumed; remove "
                                "ProcSubset=pid from the unit",
                                setting, o.client.text(), target.text()));
    return fail(errc::unreachable, fmt::format("this system does not forward between {} and {}; set {} to 1",
                                               o.client.text(), target.text(), setting));
}

}  // namespace sallyport::firewall
