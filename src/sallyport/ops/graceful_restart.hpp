#pragma once
// Graceful restart of a daemon (G6): lets the helper start a new process with the listening sockets. When the new process is
// ready, this one stops accepting connections, drains, and exits. If the new process fails meanwhile, it is started again.
//
// Used on the first loop. The daemon and the helper must outlive it, and it must outlive the run of the loops.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <sallyport/base/error.hpp>
#include <sallyport/helper/client.hpp>
#include <sallyport/net/descriptor.hpp>
#include <sallyport/ops/daemon.hpp>
#include <sallyport/ops/handover.hpp>

namespace sallyport::ops {

class graceful_restart {
public:
    struct callbacks {
        // Returns the state for the new process. Unless `listening`, this process has closed its sockets, and opens them
        // again.
        std::function<result<handover_state>(bool listening)> state;
        // Starts draining; calls `ended` when there are no sessions left.
        std::function<void(std::move_only_function<void()> ended)> start_draining;
        // Called when the new process is ready.
        std::function<void()> replaced;
        // Receives a connection that belongs to a session of this process; may be empty.
        std::function<void(unique_fd connection)> accept_returned{};
    };
    /// `drain_timeout`: sessions that are still open after this time are ended as on SIGTERM.
    graceful_restart(daemon& host, helper::client& starter, callbacks p, std::chrono::seconds drain_timeout);

    /// For the control socket. If the new process does not become ready, nothing changes, and the error gives the reason.
    [[nodiscard]] net::task<result<std::string>> restart();
    /// For SIGUSR2: the result goes to the log.
    void restart_by_signal();

private:
    [[nodiscard]] net::task<result<int>> start(bool listening);
    [[nodiscard]] net::task<std::optional<int>> wait_for_status();
    net::task<> start_again();
    void stop_if_drained();
    static net::task<> log_outcome(graceful_restart* self);
    static net::task<> stop_after_drain_timeout(graceful_restart* self);
    static net::task<> accept_returned(graceful_restart* self, std::shared_ptr<net::descriptor> connection);

    daemon& host_;
    helper::client& helper_;
    callbacks callbacks_;
    const std::chrono::seconds drain_timeout_;
    bool drained_ = false;
    // The new process has failed, and no process accepts connections.
    bool starting_again_ = false;
    enum class stage : std::uint8_t { idle, starting, replaced } stage_ = stage::idle;
};

/// In the new process: calls `ended` when the old process has exited.
void watch_old_process(daemon& host, const old_process& old, std::function<void()> ended);

}  // namespace sallyport::ops
