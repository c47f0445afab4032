#pragma once
// The state that all sessions of a gateway share, and the context that each session starts with (frontend/service.hpp).
//
// Sessions own both by shared pointers, so that they outlive every session. Any thread; each part guards itself.

#include <memory>
#include <optional>
#include <utility>

#include <sallyport/firewall/openings.hpp>
#include <sallyport/frontend/service.hpp>
#include <sallyport/frontend/user_limit.hpp>
#include <sallyport/gate/backend_list.hpp>
#include <sallyport/gate/failed_methods.hpp>
#include <sallyport/gate/gate.hpp>
#include <sallyport/gate/health_check.hpp>
#include <sallyport/gate/passed_ports.hpp>
#include <sallyport/gate/passthrough_ports.hpp>
#include <sallyport/gate/pool.hpp>
#include <sallyport/gate/self_connection_guard.hpp>
#include <sallyport/gate/sessions_without_user.hpp>
#include <sallyport/gate/translated_ports.hpp>

namespace sallyport::gate {

/// What survives a reload.
struct shared_state : frontend::shared_state {
    shared_state(net::loop_group& loops, const settings& s, status::counters& counts)
        : frontend::shared_state(loops, s, counts),
          backends({}, s.balancing),
          checks(loops.at(0)),
          list(loops.at(0), backends, checks, guard),
          passthrough(loops, counts),
          passed(s.interception) {}

    self_connection_guard guard;
    pool backends;
    sessions_without_user without_user;
    health_checks checks;
    backend_list list;
    passthrough_ports passthrough;
    // An interception stays as it was at the start.
    passed_ports passed;
    translated_ports translated;
    failed_methods known_failures;
    const std::shared_ptr<frontend::user_limit> users = std::make_shared<frontend::user_limit>();
};

/// The settings of a session and the shared state.
struct session_context : frontend::context_of<settings, shared_state> {
    using context_of::context_of;

    // The outcome of a connection to a backend, for the pool. A change of the backend's health state is logged.
    void backend_failed(backend_id id, const backend& server, const backend_failure& failure);
    void backend_responded(backend_id id, const backend& server, health_source source, net::clock::duration response_time);

    /// Opens the kernel's NAT table if the settings ask for kernel forwarding or interception; after a reload, the table of
    /// `before` is kept. Obstacles to kernel forwarding are logged; without openings an interception is impossible. Called
    /// before the first session starts.
    [[nodiscard]] result<void> enable_openings(const session_context* before = nullptr);

    pool& backends = base->backends;
    sessions_without_user& without_user = base->without_user;
    health_checks& checks = base->checks;
    std::optional<firewall::openings> kernel_openings;
};

}  // namespace sallyport::gate
