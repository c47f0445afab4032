#pragma once
// Health checks over FTP (G7): each check does what a client would do with a backend, up to the configured level.
//
// The shared state of the gateway owns the checks. One coroutine for each backend of the pool runs on the first loop.
// Results go to the pool, changes to the log.

#include <memory>
#include <optional>

#include <sallyport/gate/backend.hpp>
#include <sallyport/gate/gate.hpp>
#include <sallyport/gate/pool.hpp>
#include <sallyport/net/loop.hpp>

namespace sallyport::gate {

struct session_context;

/// The result of one check. A value.
struct check_outcome {
    std::optional<backend_failure> failure;
    // Time to the greeting; at level tcp, to the connection.
    net::clock::duration response_time{};
};

/// One check up to `level`. It ends before the next one is due.
net::task<check_outcome> check_backend(net::loop& loop, const settings& config, const backend& server,
                                       self_connection_guard& guard, check_level level);
/// Without periodic checks: logs a warning about each backend that does not respond.
net::task<> check_at_start(std::shared_ptr<session_context> gate, net::loop& loop);

class health_checks {
public:
    explicit health_checks(net::loop& loop);

    /// Starts the checks, now and then at every interval. Called again: the new settings apply from the next check on.
    /// Before the loops run, or on the first loop.
    void start(std::shared_ptr<session_context> gate);
    /// The list of backends has changed: new ones are checked, removed ones are not any more. Any thread.
    void update_list();
    /// Brings forward the next check of a backend that a session suspects. Any thread.
    void check_soon(backend_id id);
    /// Stops all checks. On the first loop, or when no loop runs.
    void stop();

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace sallyport::gate
