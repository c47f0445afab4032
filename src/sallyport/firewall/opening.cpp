#include <sallyport/firewall/opening.hpp>

#include <fstream>

#include <fmt/format.h>

namespace sallyport::firewall {
namespace {

[[nodiscard]] bool is_on(const char* setting) {
    std::ifstream file(setting);
    int value = 0;
    return file >> value && value != 0;
}

}  // namespace

std::string opening::text() const {
    return fmt::format("{} to {}, led to {} from {}", client.text(), listen.text(), forward_to.text(), source.text());
}

forwarding forwarding::of_system() {
    return {is_on("/proc/sys/net/ipv4/ip_forward"), is_on("/proc/sys/net/ipv6/conf/all/forwarding")};
}

result<void> can_forward(const opening& o, forwarding allowed) {
    if (o.lifetime.count() <= 0) return fail(errc::misuse, "an opening without an end");
    const auto& target = o.forward_to.address;
    const bool v4 = o.client.is_v4();
    if (o.listen.address.is_v4() != v4 || target.is_v4() != v4 || o.source.is_v4() != v4)
        return fail(errc::unsupported, "IPv4 on one side and IPv6 on the other: NAT stays within a family");
    for (const auto* address : {&o.client, &o.listen.address, &target, &o.source}) {
        if (address->is_unspecified() || address->is_multicast() || address->is_link_local())
            return fail(errc::unsupported, fmt::format("{}: such an address is never led to or from", address->text()));
    }
    // The system lets no packet out or in by another interface than lo with such an address.
    if (o.client.is_loopback() != target.is_loopback() || o.source.is_loopback() != target.is_loopback())
        return fail(
            errc::unreachable,
            fmt::format("{} on the one side and {} on the other: what has a loopback address can be led to from this "
                        "machine's own loopback only; name the server by another address of its machine",
                        o.client.text(), target.text()));
    // Who talks to an address of its own machine does so from that same address.
    const bool client_is_local = o.client == o.listen.address || o.client.is_loopback();
    const bool server_is_local = o.source == target || target.is_loopback();
    if (client_is_local || server_is_local || (v4 ? allowed.v4 : allowed.v6)) return {};
    return fail(errc::unreachable,
                fmt::format("this system passes nothing on between {} and {}; set {} to 1", o.client.text(), target.text(),
                            v4 ? "net.ipv4.ip_forward" : "net.ipv6.conf.all.forwarding"));
}

}  // namespace sallyport::firewall
