#pragma once
// Graceful restart of a daemon (G6): a new process is started with the listening sockets; once it is ready the old one
// accepts no more connections, drains, and exits.
//
// On the first loop. The daemon must outlive it, and it must outlive the loops' run.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <sallyport/base/error.hpp>
#include <sallyport/net/descriptor.hpp>
#include <sallyport/ops/daemon.hpp>
#include <sallyport/ops/handover.hpp>

namespace sallyport::ops {

class graceful_restart {
public:
    struct callbacks {
        std::function<result<handover_state>()> state;                              // for the new process
        std::function<void(std::move_only_function<void()> ended)> start_draining;  // calls `ended` without sessions
        std::function<void()> replaced;                                             // the new process is ready
        std::function<void(unique_fd connection)> accept_returned{};                // of a session here; may be empty
    };
    /// `drain_timeout`: sessions that are open after this are ended as at SIGTERM.
    graceful_restart(daemon& host, callbacks p, std::chrono::seconds drain_timeout, std::string program = program_path());

    /// For the control socket. If the new process does not become ready, nothing has changed, and the error says why.
    [[nodiscard]] net::task<result<std::string>> restart();
    /// For SIGUSR2: the same goes to the log.
    void restart_by_signal();

private:
    [[nodiscard]] net::task<result<int>> start();
    static net::task<> log_outcome(graceful_restart* self);
    static net::task<> stop_after_drain_timeout(graceful_restart* self);
    static net::task<> accept_returned(graceful_restart* self, std::shared_ptr<net::descriptor> connection);

    daemon& host_;
    callbacks callbacks_;
    const std::chrono::seconds drain_timeout_;
    const std::string program_;
    enum class stage : std::uint8_t { idle, starting, replaced } stage_ = stage::idle;
};

/// In the new process: calls `ended` when the old one has ended.
void watch_old_process(daemon& host, const old_process& old, std::function<void()> ended);

}  // namespace sallyport::ops
