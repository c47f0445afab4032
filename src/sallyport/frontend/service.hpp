#pragma once
// The base of server and gateway: their common settings, the state that their sessions share, and the service as the program
// that runs it uses it.
//
// A session keeps the context that it started with, so its settings never change. A reload creates a new context with the
// same shared state for new sessions (G6).
//
// The program owns the service. Call start() before the loops run, on the thread that will run them, and the other functions
// on the first loop unless they say otherwise. The loops, the counters, and what the settings refer to must outlive it.

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
#include <sallyport/frontend/doctor_sessions.hpp>
#include <sallyport/frontend/frontend.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/net/tls.hpp>
#include <sallyport/net/worker_pool.hpp>
#include <sallyport/reach/client_condition.hpp>
#include <sallyport/reach/passive_mode.hpp>
#include <sallyport/status/backend_snapshot.hpp>
#include <sallyport/status/counters.hpp>
#include <sallyport/status/failed_data_table.hpp>
#include <sallyport/status/session_report.hpp>
#include <sallyport/status/transfer_log.hpp>

namespace sallyport::frontend {

struct service_settings {
    std::vector<endpoint> listen;
    // Implicit TLS (usually port 990).
    std::vector<endpoint> listen_implicit;
    // On the client leg.
    std::optional<net::tls_server_context> tls;
    bool tls_required = false;
    // With `require`, data connections that do not reuse the TLS session get 522 (TLS-04).
    net::tls_reuse tls_reuse = net::tls_reuse::prefer;

    // Passive data connections.
    reach::passive_settings passive_data;
    // Clients whose uploads may end without TLS close_notify.
    std::vector<reach::client_condition> missing_close_notify;

    net::keepalive keepalive{limits::keepalive_idle, limits::keepalive_interval, limits::keepalive_count};
    std::chrono::seconds idle_timeout = limits::idle_timeout;
    std::chrono::seconds login_timeout = limits::login_timeout;
    std::chrono::seconds data_timeout = limits::data_timeout;
    std::chrono::seconds stall_timeout = limits::stall_timeout;
    // Bytes per second on average over `stall_timeout`; 0: any byte counts as progress.
    std::uint64_t stall_rate = limits::stall_rate;
    // Users may send SITE DOCTOR.
    bool site_doctor = false;
    admission_rules admission;
    // Receives a record of each transfer; may be empty.
    std::shared_ptr<status::transfer_log> transfer_log;
};

/// The state that survives a reload. Each part is thread-safe.
struct shared_state {
    shared_state(net::loop_group& loops, const service_settings& s, status::counters& counts)
        : counters(counts), passive_data(loops, s.passive_data, s.tls, counts) {}

    status::counters& counters;
    status::failed_data_table failed_data;
    doctor_sessions doctor;
    reach::passive_mode passive_data;
    net::worker_pool signatures{net::signature_threads(), limits::max_queued_handshakes};
};

/// The settings that a session started with, and the shared state. Owned by the sessions through shared pointers; any
/// thread.
template <class Settings, class State>
struct context_of {
    context_of(Settings s, std::shared_ptr<State> shared) : config(std::move(s)), base(std::move(shared)) {}

    const Settings config;
    const std::shared_ptr<State> base;

    status::counters& counters = base->counters;
    status::failed_data_table& failed_data = base->failed_data;
    reach::passive_mode& passive_data = base->passive_data;
    net::worker_pool& signatures = base->signatures;
};

/// The context of new sessions. Any thread.
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

    /// Binds every listener on every loop and logs warnings about the settings (S2). An error names the address and the
    /// cause.
    [[nodiscard]] virtual result<void> start() = 0;

    // Graceful restart: see frontend::frontend. In the new process, call adopt_sockets(), set_down_backends() and
    // return_connections() before start().
    /// `sockets`: listening sockets of the service manager or of the old process; start() uses those at its own addresses.
    virtual void adopt_sockets(std::vector<unique_fd> sockets) { frontend_.adopt_sockets(std::move(sockets)); }
    /// The names of the backends that are down according to the old process.
    virtual void set_down_backends(std::vector<std::string> /*names*/) {}
    /// Connections of sessions of the old process are returned to it with `to_old_process`, and accept_returned() receives
    /// them there. False if that fails.
    virtual void return_connections(std::function<bool(int connection)> /*to_old_process*/) {}
    virtual void accept_returned(unique_fd /*connection*/) {}
    [[nodiscard]] virtual std::vector<int> sockets() const { return frontend_.sockets(); }
    [[nodiscard]] virtual std::vector<std::string> down_backends() const { return {}; }
    /// Stops accepting, since the new process does; `on_drained` is called when the last session has ended. Call it once;
    /// stop() may follow.
    virtual void start_draining(std::move_only_function<void()> on_drained) {
        shared_->passive_data.hand_over_mappings();
        frontend_.start_draining(std::move(on_drained));
    }
    /// Whether the old and the new process share the passive port range. Any thread.
    void share_ports(bool with_another) { shared_->passive_data.ports().share_range(with_another); }

    /// The endpoints that are listened on, with their actual port numbers. Any thread.
    [[nodiscard]] const std::vector<endpoint>& endpoints() const noexcept { return frontend_.endpoints(); }
    /// For the administration of running sessions.
    [[nodiscard]] frontend& sessions() noexcept { return frontend_; }
    net::task<status::session_snapshot> collect_snapshot(net::loop& loop) const { return frontend_.collect_snapshot(loop); }
    /// The state of the backend pool; empty at a server. Any thread.
    [[nodiscard]] virtual std::optional<status::pool_snapshot> backend_status() const { return std::nullopt; }

    /// The data connections that failed, by cause and client network. Any thread.
    /// By the id of their cause, since the start.
    [[nodiscard]] std::map<std::string, std::uint64_t> failed_data_totals() const { return shared_->failed_data.totals(); }
    [[nodiscard]] std::vector<status::failed_data_count> failed_data_connections() const {
        return shared_->failed_data.list(status::failed_data_table::clock::now());
    }

    /// Of the passive port range; nothing without one. Any thread.
    [[nodiscard]] std::optional<reach::port_usage> passive_ports() const { return shared_->passive_data.ports().usage(); }

    /// The ports that the router forwards, or should. Any thread.
    [[nodiscard]] std::vector<reach::mapping> mappings() const { return shared_->passive_data.mappings(); }

    /// Stops accepting, sends 421 to idle sessions, lets transfers run for `grace`, then calls `done` on the first loop.
    /// Call it once.
    virtual void stop(std::chrono::milliseconds grace, stop_handler done);

protected:
    service(net::loop_group& loops, const service_settings& s, std::shared_ptr<shared_state> shared, descriptor_need need);
    /// Applies the settings that are not part of the session context.
    void apply(const service_settings& fresh);

private:
    std::shared_ptr<shared_state> shared_;
    frontend frontend_;
};

}  // namespace sallyport::frontend
