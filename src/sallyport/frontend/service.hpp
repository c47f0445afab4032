#pragma once
// What server and gateway are alike in: the settings that both have, what their sessions share, and the service itself as
// the program that runs it sees it.
//
// A session keeps the context that it started with, so settings never change under it. A reload makes a new context with
// the same shared state, for the sessions to come (G6).
//
// The program owns the service. start() on the thread that will run the loops, before they run; what else has no word about
// threads, on the first loop. The loops, the counters, and what the settings refer to must outlive it.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/frontend/frontend.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/net/tls.hpp>
#include <sallyport/reach/client_condition.hpp>
#include <sallyport/reach/passive_mode.hpp>
#include <sallyport/status/backend_snapshot.hpp>
#include <sallyport/status/counters.hpp>
#include <sallyport/status/session_report.hpp>
#include <sallyport/status/transfer_log.hpp>

namespace sallyport::frontend {

struct service_settings {
    std::vector<endpoint> listen;
    // Implicit TLS (990).
    std::vector<endpoint> listen_implicit;
    // On the client leg.
    std::optional<net::tls_server_context> tls;
    bool tls_required = false;
    // Required: 522 to data connections that don't resume (TLS-04).
    net::tls_reuse tls_reuse = net::tls_reuse::prefer;

    // Passive data connections.
    reach::passive_settings passive_data;
    // Whose uploads may end without TLS's close_notify.
    std::vector<reach::client_condition> missing_close_notify;

    net::keepalive keepalive{limits::keepalive_idle, limits::keepalive_interval, limits::keepalive_count};
    std::chrono::seconds idle_timeout = limits::idle_timeout;
    std::chrono::seconds login_timeout = limits::login_timeout;
    std::chrono::seconds data_timeout = limits::data_timeout;
    std::chrono::seconds stall_timeout = limits::stall_timeout;
    // Bytes per second over data_stall; 0: any byte counts.
    std::uint64_t stall_rate = limits::stall_rate;
    admission_rules admission;
    // Gets a record of each; may be empty.
    std::shared_ptr<status::transfer_log> transfer_log;
};

/// What survives a reload. Each part guards itself; any thread.
struct shared_state {
    shared_state(net::loop_group& loops, const service_settings& s, status::counters& counts)
        : counters(counts), passive_data(loops, s.passive_data, s.tls, counts) {}

    status::counters& counters;
    reach::passive_mode passive_data;
};

/// The settings that a session started with, and the shared state. Held by every session, so that it outlives them; any
/// thread.
template <class Settings, class State>
struct context_of {
    context_of(Settings s, std::shared_ptr<State> shared) : config(std::move(s)), base(std::move(shared)) {}

    const Settings config;
    const std::shared_ptr<State> base;

    status::counters& counters = base->counters;
    reach::passive_mode& passive_data = base->passive_data;
};

/// The context that sessions start with from now on. Any thread.
template <class Context>
class current_context {
public:
    explicit current_context(std::shared_ptr<Context> first) : current_(std::move(first)) {}

    [[nodiscard]] std::shared_ptr<Context> get() const {
        const std::scoped_lock lock(mutex_);
        return current_;
    }
    void set(std::shared_ptr<Context> by) {
        const std::scoped_lock lock(mutex_);
        current_.swap(by);
    }

private:
    mutable std::mutex mutex_;
    std::shared_ptr<Context> current_;
};

class service {
public:
    service(const service&) = delete;
    service& operator=(const service&) = delete;
    virtual ~service();

    /// Binds every listener on every loop and reports what it found odd (S2). An error names the address and the cause.
    [[nodiscard]] virtual result<void> start() = 0;

    // Graceful restart: see frontend::frontend. inherit() and the two others of the new process before start().
    /// `sockets`: listening ones, of the service manager or of the old process; start() takes those at its own addresses.
    virtual void adopt_sockets(std::vector<unique_fd> sockets) { frontend_.adopt_sockets(std::move(sockets)); }
    /// Names of what the old process found to be down.
    virtual void set_down_backends(std::vector<std::string> /*names*/) {}
    /// Connections of the old process's sessions go back to it, where accept_returned() gets them. False where that fails.
    virtual void return_connections(std::function<bool(int connection)> /*to_old_process*/) {}
    virtual void accept_returned(unique_fd /*connection*/) {}
    [[nodiscard]] virtual std::vector<int> sockets() const { return frontend_.sockets(); }
    [[nodiscard]] virtual std::vector<std::string> down_backends() const { return {}; }
    /// The new process accepts from now on; `gone` is called when the last session has ended. Once; stop() may follow.
    virtual void start_draining(std::move_only_function<void()> on_drained) {
        frontend_.start_draining(std::move(on_drained));
    }
    /// Any thread: whether the old and the new process have the passive ports together.
    void share_ports(bool with_another) { shared_->passive_data.ports().share_range(with_another); }

    /// Any thread: what is listened on, with real port numbers.
    [[nodiscard]] const std::vector<endpoint>& endpoints() const noexcept { return frontend_.endpoints(); }
    /// For the administration of the sessions that run.
    [[nodiscard]] frontend& sessions() noexcept { return frontend_; }
    net::task<status::session_snapshot> collect_snapshot(net::loop& loop) const { return frontend_.collect_snapshot(loop); }
    /// Any thread: nothing at a server, which has no backends.
    [[nodiscard]] virtual std::optional<status::pool_snapshot> backend_status() const { return std::nullopt; }

    /// Stops accepting, sends 421 to idle sessions, lets transfers run until `grace` is over, then calls `done` on the first
    /// loop. Once.
    virtual void stop(std::chrono::milliseconds grace, stop_handler done);

protected:
    service(net::loop_group& loops, const service_settings& s, std::shared_ptr<shared_state> shared, descriptor_need need);
    /// What a reload changes outside of the sessions' context.
    void apply(const service_settings& fresh);

private:
    std::shared_ptr<shared_state> shared_;
    frontend frontend_;
};

}  // namespace sallyport::frontend
