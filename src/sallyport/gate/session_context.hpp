#pragma once
// What the sessions of one gateway share, and what each of them starts with: see frontend/service.hpp.

#include <memory>
#include <optional>
#include <utility>

#include <sallyport/firewall/openings.hpp>
#include <sallyport/frontend/service.hpp>
#include <sallyport/gate/backend_list.hpp>
#include <sallyport/gate/gate.hpp>
#include <sallyport/gate/health_check.hpp>
#include <sallyport/gate/passthrough_ports.hpp>
#include <sallyport/gate/pool.hpp>
#include <sallyport/gate/self_connection_guard.hpp>
#include <sallyport/gate/sessions_without_user.hpp>
#include <sallyport/gate/user_limit.hpp>

namespace sallyport::gate {

struct shared_state : frontend::shared_state {
    shared_state(net::loop_group& loops, const settings& s, status::counters& counts)
        : frontend::shared_state(loops, s, counts),
          backends({}, s.balancing),
          checks(loops.at(0)),
          list(loops.at(0), backends, checks, guard),
          passthrough(loops, counts) {}

    self_connection_guard guard;
    pool backends;
    sessions_without_user without_user;
    health_checks checks;
    backend_list list;
    passthrough_ports passthrough;
    const std::shared_ptr<user_limit> users = std::make_shared<user_limit>();
};

struct session_context : frontend::context_of<settings, shared_state> {
    using context_of::context_of;

    // What is learned of a backend goes to the pool; what changes by it, to the log.
    void backend_failed(backend_id id, const backend& server, const backend_failure& failure);
    void backend_responded(backend_id id, const backend& server, health_source source, net::clock::duration response_time);

    /// Before its first session: the kernel leads data connections, where the settings have it and the system lets us;
    /// the same table as before a change of the settings. What is in the way goes to the log.
    void enable_kernel_forwarding(const session_context* before = nullptr);

    pool& backends = base->backends;
    sessions_without_user& without_user = base->without_user;
    health_checks& checks = base->checks;
    std::optional<firewall::openings> kernel_openings;
};

}  // namespace sallyport::gate
