#pragma once
// What the sessions of one gateway share, and what each of them starts with: see front/service.hpp.

#include <memory>
#include <optional>
#include <utility>

#include <sallyport/firewall/openings.hpp>
#include <sallyport/front/service.hpp>
#include <sallyport/gate/backend_list.hpp>
#include <sallyport/gate/gate.hpp>
#include <sallyport/gate/health_check.hpp>
#include <sallyport/gate/mirror.hpp>
#include <sallyport/gate/own_ends.hpp>
#include <sallyport/gate/pool.hpp>
#include <sallyport/gate/silent_sessions.hpp>
#include <sallyport/gate/user_limit.hpp>

namespace sallyport::gate {

struct shared_state : front::shared_state {
    shared_state(net::loop_group& loops, const settings& s, status::counters& counts)
        : front::shared_state(loops, s, counts),
          backends({}, s.spread),
          checks(loops.at(0)),
          list(loops.at(0), backends, checks, own),
          mirrored(loops, counts) {}

    own_ends own;
    pool backends;
    silent_sessions silent;
    health_checks checks;
    backend_list list;
    mirrors mirrored;
    const std::shared_ptr<user_limit> users = std::make_shared<user_limit>();
};

struct session_context : front::context_of<settings, shared_state> {
    using context_of::context_of;

    // What is learned of a backend goes to the pool; what changes by it, to the log.
    void backend_failed(backend_id id, const backend& where, const backend_failure& why);
    void backend_answered(backend_id id, const backend& where, witness by, net::clock::duration after);

    /// Before its first session: the kernel leads data connections, where the settings have it and the system lets us;
    /// the same table as before a change of the settings. What is in the way goes to the log.
    void use_kernel(const session_context* before = nullptr);

    pool& backends = base->backends;
    silent_sessions& silent = base->silent;
    health_checks& checks = base->checks;
    std::optional<firewall::openings> kernel;
};

}  // namespace sallyport::gate
