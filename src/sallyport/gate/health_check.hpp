#pragma once
// Health that speaks FTP (G7): what a client would do with a backend, as far as the settings ask for it.
//
// One coroutine for each backend on the pool's list, on the first loop. What it finds goes to the pool; changes go to the
// log.

#include <memory>
#include <optional>

#include <sallyport/gate/backend.hpp>
#include <sallyport/gate/gate.hpp>
#include <sallyport/gate/pool.hpp>
#include <sallyport/net/loop.hpp>

namespace sallyport::gate {

struct session_context;

struct check_outcome {
    std::optional<backend_failure> failure;
    net::clock::duration response_time{};  // where it greeted, or was only connected to
};

/// One check, as deep as `stage` says. It is over, one way or the other, before the next one is due.
net::task<check_outcome> check_backend(net::loop& loop, const settings& config, const backend& server,
                                       self_connection_guard& guard, check_level level);
/// Where nothing is checked later on: a warning in the log about each of these backends that does not answer now.
net::task<> check_at_start(std::shared_ptr<session_context> gate, net::loop& loop);

class health_checks {
public:
    explicit health_checks(net::loop& loop);

    /// Begins to check, at once and then at the interval; again: by these settings from the next check on. Before the loops
    /// run, or on the first one.
    void start(std::shared_ptr<session_context> gate);
    /// Any thread: the list has changed; who came is checked from now on, who left no more.
    void update_list();
    /// Any thread: something looks wrong with this backend, so that its next check should come soon.
    void check_soon(backend_id id);
    /// No further checks. On the first loop, or when no loop runs.
    void stop();

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace sallyport::gate
