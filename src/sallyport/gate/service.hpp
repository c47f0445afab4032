#pragma once
// What the sessions of one gateway share. Each part guards itself; any thread.
//
// A session keeps the service that it began with, so settings never change under it. New settings are a new service upon
// the same foundation, for the sessions to come (G6).

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include <sallyport/firewall/openings.hpp>
#include <sallyport/gate/backend_list.hpp>
#include <sallyport/gate/gate.hpp>
#include <sallyport/gate/health_check.hpp>
#include <sallyport/gate/mirror.hpp>
#include <sallyport/gate/own_ends.hpp>
#include <sallyport/gate/pool.hpp>
#include <sallyport/gate/silent_sessions.hpp>
#include <sallyport/gate/user_limit.hpp>
#include <sallyport/reach/passive.hpp>

namespace sallyport::gate {

/// What outlives a change of the settings.
struct foundation {
    foundation(net::loop_group& loops, const settings& s, status::counters& counts)
        : counters(counts),
          backends({}, s.spread),
          checks(loops.at(0)),
          list(loops.at(0), backends, checks, own),
          inbound(loops, s.inbound, s.tls, counts),
          mirrored(loops, counts) {}

    status::counters& counters;
    own_ends own;
    pool backends;
    silent_sessions silent;
    health_checks checks;
    backend_list list;
    reach::passive inbound;
    mirrors mirrored;
    const std::shared_ptr<user_limit> users = std::make_shared<user_limit>();
};

struct service {
    service(settings s, std::shared_ptr<foundation> f) : config(std::move(s)), base(std::move(f)) {}

    // What is learned of a backend goes to the pool; what changes by it, to the log.
    void backend_failed(backend_id id, const backend& where, const backend_failure& why);
    void backend_answered(backend_id id, const backend& where, witness by, net::clock::duration after);

    /// Before its first session: the kernel leads data connections, where the settings have it and the system lets us;
    /// the same table as before a change of the settings. What is in the way goes to the log.
    void use_kernel(const service* before = nullptr);

    const settings config;
    const std::shared_ptr<foundation> base;

    status::counters& counters = base->counters;
    pool& backends = base->backends;
    silent_sessions& silent = base->silent;
    health_checks& checks = base->checks;
    reach::passive& inbound = base->inbound;
    std::optional<firewall::openings> kernel;
};

}  // namespace sallyport::gate
