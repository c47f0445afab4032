#include <sallyport/ops/helper_confinement.hpp>

#include <algorithm>
#include <optional>
#include <vector>

#include <linux/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <sallyport/base/ports.hpp>
#include <sallyport/net/socket_address.hpp>
#include <sallyport/ops/landlock.hpp>
#include <sallyport/ops/path_rules.hpp>
#include <sallyport/ops/privileges.hpp>
#include <sallyport/ops/system_calls.hpp>

namespace sallyport::ops {
namespace {

/// The ports that it binds: passive ones, and those below the control ports for active mode.
[[nodiscard]] std::vector<port_range> bound_ports(const helper::permissions& allowed) {
    auto out = allowed.data_ports;
    for (const auto port : allowed.control_ports) {
        const auto below = static_cast<std::uint16_t>(std::max<int>(port, 1) - 1);
        out.push_back({below, below});
    }
    // The system chooses the ports of transparent sockets.
    if (allowed.interception) out.push_back({0, 0});
    return out;
}

[[nodiscard]] std::uint64_t needed_capabilities(const helper::permissions& allowed) {
    std::uint64_t out = 0;
    // Files of other users, such as keys that only a group may read.
    if (!allowed.files.empty()) out |= capability_bit(CAP_DAC_READ_SEARCH);
    if (std::ranges::any_of(bound_ports(allowed), [](const port_range& ports) {
            return ports.first != 0 && ports.first < first_unprivileged_port;
        }))
        out |= capability_bit(CAP_NET_BIND_SERVICE);
    if (allowed.openings || allowed.interception) out |= capability_bit(CAP_NET_ADMIN);
    return out;
}

[[nodiscard]] path_rules rules_of(const helper::permissions& allowed) {
    path_rules out{.paths = {}, .ports = bound_ports(allowed)};
    for (const auto& [path, append] : allowed.files) out.add_file(path, append ? path_access::write : path_access::read);
    return out;
}

}  // namespace

void confine_helper(const helper::permissions& allowed) {
    if (!drop_capabilities(needed_capabilities(allowed))) ::_exit(1);
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return;
    if (const auto version = landlock_version()) (void)apply_landlock(rules_of(allowed), *version);
    (void)filter_helper_calls({.netlink_filter = allowed.openings, .router = allowed.interception.has_value()});
}

}  // namespace sallyport::ops
