#pragma once
// What every daemon does around its services: loops, log, signals, the line that says "ready", an orderly end.
//
// Owned by the command, on the thread that runs the loops. What else has no word about threads, on the first loop or before
// the loops run. The services must be destroyed before it.

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

/// Stops a service: no new sessions, 421 to idle ones, transfers may run on for `grace`; calls `done` when all is over.
using stopper = std::move_only_function<void(std::chrono::milliseconds grace, frontend::stop_handler done)>;

class daemon {
public:
    /// `name` as in "sallyport serve". Raises the limit of open files to what the system allows. `stop_timeout`: from
    /// SIGTERM to the end of the process at the latest.
    daemon(std::string name, std::size_t loops, std::chrono::milliseconds stop_timeout = limits::stop_timeout);

    [[nodiscard]] net::loop_group& loops() noexcept { return loops_; }

    /// For work that may wait for a disk.
    [[nodiscard]] net::worker_pool& disk() noexcept { return disk_; }

    /// Services are stopped together, on SIGTERM or SIGINT.
    void add(stopper service) { services_.push_back(std::move(service)); }

    /// Has these certificates read again while it runs, when their files change; nothing: none.
    void watch_certificates(const std::optional<net::tls_server_context>& certificates) { certificates_ = certificates; }
    /// What is reopened besides the log, at SIGHUP and SIGUSR1; may be empty.
    void on_rotate(std::shared_ptr<status::transfer_log> transfer_log) { transfer_log_ = std::move(transfer_log); }
    /// What SIGUSR2 does, on the first loop.
    void on_restart(std::move_only_function<void()> restart) { restart_ = std::move(restart); }
    /// Stops all services in order within the stop timeout; on the first loop, again does nothing.
    void stop(std::string_view reason) { stop(reason, stop_timeout_); }
    /// What SIGHUP does besides, on the first loop.
    void on_reload(std::move_only_function<void()> reload) { reload_ = std::move(reload); }

    /// Prints "NAME: listening on A, B" to standard error and runs until a signal. Returns the exit code: 0 within the stop
    /// timeout of SIGTERM, in which running transfers may finish; SIGINT interrupts them (limits::interrupt_timeout); a
    /// second signal ends the process at once. Where a session can't be ended because a disk doesn't answer, the process
    /// ends here: nothing could be taken down in order.
    /// `replaced` is told that we are ready.
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

/// Says what kept the command from starting, and gives the exit code for it.
[[nodiscard]] int report_start_failure(const std::string& name, const error& cause, const old_process& old = old_process());

}  // namespace sallyport::ops
