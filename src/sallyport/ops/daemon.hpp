#pragma once
// The parts of a daemon around its services: event loops, log, signals, the message that it is listening, and shutdown.
//
// Owned by the command, on the thread that runs the loops. Call functions on the first loop, or before the loops run, unless
// they say otherwise. The services must be destroyed before it.

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/frontend/frontend.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/net/tls.hpp>
#include <sallyport/net/worker_pool.hpp>
#include <sallyport/ops/handover.hpp>
#include <sallyport/status/transfer_log.hpp>

namespace sallyport::ops {

/// Stops a service: no new sessions, 421 to idle ones; transfers may continue for `grace`. Calls `done` when all sessions
/// have ended.
using stopper = std::move_only_function<void(std::chrono::milliseconds grace, frontend::stop_handler done)>;

class daemon {
public:
    /// `name`: for example "sallyport serve". Raises the limit on open files to the hard limit. `stop_timeout`: the maximum
    /// time from SIGTERM to the exit of the process.
    daemon(std::string name, std::size_t loops, std::chrono::milliseconds stop_timeout = limits::stop_timeout);

    [[nodiscard]] net::loop_group& loops() noexcept { return loops_; }

    /// For work that may block on a disk.
    [[nodiscard]] net::worker_pool& disk() noexcept { return disk_; }

    /// Adds a service to be stopped on SIGTERM or SIGINT, together with the others.
    void add(stopper service) { services_.push_back(std::move(service)); }

    /// Rereads these certificates when their files change; empty: no certificates.
    void watch_certificates(const std::optional<net::tls_server_context>& certificates) { certificates_ = certificates; }
    [[nodiscard]] const std::optional<net::tls_server_context>& certificates() const noexcept { return certificates_; }
    /// The transfer log, reopened with the log on SIGHUP and SIGUSR1; may be empty.
    void on_rotate(std::shared_ptr<status::transfer_log> transfer_log) { transfer_log_ = std::move(transfer_log); }
    /// Called on SIGUSR2, on the first loop.
    void on_restart(std::move_only_function<void()> restart) { restart_ = std::move(restart); }
    /// Stops all services within the stop timeout. On the first loop; further calls have no effect.
    void stop(std::string_view reason) { stop(reason, stop_timeout_); }
    /// Called on SIGHUP, on the first loop, after the logs have been reopened.
    void on_reload(std::move_only_function<void()> reload) { reload_ = std::move(reload); }

    /// Prints "NAME: listening on A, B" to standard error and runs until a signal arrives. Returns the exit code 0 within
    /// the stop timeout of SIGTERM, in which running transfers may finish. SIGINT interrupts them
    /// (limits::interrupt_timeout). A second signal ends the process immediately. If a session cannot be ended because a
    /// disk does not respond, the process exits here without destroying its objects. The process that `old` refers to is
    /// notified that this one is ready.
    [[nodiscard]] int run(const std::vector<endpoint>& listening, const old_process& old = old_process());

private:
    void stop_by_signal(int signal);
    void stop(std::string_view reason, std::chrono::milliseconds within);
    void rotate();
    net::task<> check_certificates();

    std::string name_;
    const std::chrono::milliseconds stop_timeout_;
    net::loop_group loops_;
    std::optional<net::tls_server_context> certificates_;
    net::worker_pool disk_{1};
    net::event check_now_{loops_.at(0)};
    std::vector<stopper> services_;
    std::shared_ptr<status::transfer_log> transfer_log_;
    std::move_only_function<void()> reload_;
    std::move_only_function<void()> restart_;
    std::size_t stopping_ = 0;
    bool stop_started_ = false;
    bool all_ended_ = true;
};

/// Reports why the command could not start, also to the old process, and returns the exit code.
[[nodiscard]] int report_start_failure(const std::string& name, const error& cause, const old_process& old = old_process());

}  // namespace sallyport::ops
