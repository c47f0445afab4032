#pragma once
// The settings of an intercepting gateway: a router that takes the control connections of FTP clients on their way to
// servers (G2, G3, G9; docs/router.md). A value; any thread. What it refers to outlives the
// gateway.

#include <cstdint>
#include <functional>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/firewall/router.hpp>
#include <sallyport/gate/interception_rule.hpp>

namespace sallyport::gate {

/// A listening socket with IP_TRANSPARENT, for the connections of the rule with this number.
struct intercepting_socket {
    std::size_t rule = 0;
    unique_fd socket;
};

struct interception_settings {
    std::vector<interception_rule> rules{};
    // Data connections are between client and server where the gateway need not see their bytes. Otherwise it relays all.
    bool kernel_forwarding = true;
    // The backend leg has the address of this machine instead of the client's.
    bool server_sees_router = false;
    // The following are needed if there are rules. The machine:
    firewall::router* machine = nullptr;
    // Opens the listening sockets.
    std::function<result<std::vector<intercepting_socket>>()> listen{};
    // From now on the kernel delivers the connections to these sockets.
    std::function<result<void>()> start{};
    // For a session that passes TLS, with the number of its rule and both control connections: its client may connect to the
    // passed ports of its server until end_passing() with the number that is returned. Both may block for long.
    std::function<result<std::uint32_t>(std::size_t rule, int client_control, int backend_control)> pass_ports{};
    std::function<result<void>(std::uint32_t number)> end_passing{};
    // Whether packets have passed on such a connection of that session since the last call. It may block, too.
    std::function<result<bool>(std::uint32_t number)> passed_data_moved{};
    // How many intercepted connection requests have not passed the input chains of this machine, modulo 2^32.
    std::function<result<std::uint32_t>()> dropped_requests{};

    [[nodiscard]] bool is_enabled() const noexcept { return !rules.empty(); }
};

}  // namespace sallyport::gate
