#pragma once
// The frontend of a daemon: listening sockets on every event loop, admission control, the running sessions and their
// shutdown.
//
// Owned by the service. Call open() and run() before the loops run, on the thread that will run them, and stop() on the
// first loop. The loops and the counters must outlive it.

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/frontend/session.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/reach/proxy_protocol.hpp>
#include <sallyport/reach/single_port.hpp>
#include <sallyport/status/counters.hpp>

namespace sallyport::frontend {

/// Called when all loops have stopped. `all_ended` is false if a session did not end in time because it waits for a disk or
/// a name server.
using stop_handler = std::move_only_function<void(bool all_ended)>;

/// The number of descriptors that a session needs.
struct descriptor_need {
    // For the whole session.
    std::size_t session = 1;
    // In addition during a transfer.
    std::size_t transfer = 4;
};

/// The maximum number of sessions with `free` descriptors. Descriptors for transfers are reserved for all sessions, up to
/// the limit for transfers in base/limits.hpp.
[[nodiscard]] std::size_t sessions_possible(std::size_t free, const descriptor_need& need) noexcept;

/// Logs that a socket handed to this process has none of the configured addresses.
void log_unmatched_socket(const endpoint& at);

class frontend {
public:
    /// Creates the session of an admitted connection and spawns it on its loop.
    using session_starter = std::function<void(admitted_connection)>;

    /// `single_port`: for single-port mode, where passive data connections arrive on the control port or on one other port;
    /// else empty.
    frontend(net::loop_group& loops, const admission_rules& rules, reach::trusted_proxies proxies,
             std::shared_ptr<reach::single_port> single_port, status::counters& counters, descriptor_need need = {});
    /// Closes the listeners.
    ~frontend();

    /// Takes over listening sockets of a service manager or of an old process: open() uses those at its addresses, run()
    /// closes the others and logs a warning. Call it before open().
    void adopt_sockets(std::vector<unique_fd> sockets);
    /// The listening sockets, to be copied for a new process. On the first loop, before start_draining() or stop().
    [[nodiscard]] std::vector<int> sockets() const;
    /// Stops accepting, since a new process does. Running sessions continue, without single-port mode. `on_drained` is
    /// called on the first loop when the last of them has ended. Call it once; stop() may follow.
    void start_draining(std::move_only_function<void()> on_drained);
    /// Listens on every endpoint on every loop; the kernel distributes the connections. If single-port mode uses a port of
    /// its own, that port is opened at the same address. An error names the address and the cause.
    [[nodiscard]] result<void> open(std::span<const endpoint> plain, std::span<const endpoint> implicit_tls);
    [[nodiscard]] result<void> open(const endpoint& at, bool implicit_tls);
    /// Accepts connections to other hosts on this listening socket, which has IP_TRANSPARENT; their sessions get
    /// `interception`. A new process opens a socket of its own.
    void open_intercepting(const unique_fd& socket, std::size_t interception);
    /// Closes connections for which `is_self` returns true: the gateway has connected to itself. `is_self` is called on the
    /// thread of any loop. Call it before run().
    void close_self_connections(std::function<bool(const endpoint& peer, const endpoint& destination)> is_self);
    /// Starts accepting. Clients over a limit get 421 and are closed. Limits apply to clients and not to the load balancer
    /// in front of them: its PROXY header is read first. If there are too few descriptors for the maximum number of
    /// sessions, the maximum is reduced and a warning logged.
    void run(session_starter start_session);
    /// Sets new limits for new connections. Any thread.
    void set_rules(const admission_rules& rules);
    /// Collects the reports of all sessions, in small steps on each loop so that none is blocked. Called on `loop`.
    net::task<status::session_snapshot> collect_snapshot(net::loop& loop) const;
    /// The sources that are rejected because of failed logins. forgive() removes the penalty of one of them; false if it has
    /// none. Any thread.
    [[nodiscard]] std::vector<status::login_penalty> list_login_penalties() const;
    bool forgive(const ip_address& address);
    /// For logins elsewhere than in sessions, whatever the address: adds the penalty for a wrong password, and says whether
    /// the penalty is so long that no password is to be checked. Any thread.
    void penalize(const ip_address& address);
    [[nodiscard]] bool is_penalized(const ip_address& address) const;
    /// The ID of the session with this number. Any thread.
    [[nodiscard]] std::string id_of(std::uint64_t number) const;
    /// Closes one session with 421, also during a transfer; if it does not end soon, it is killed without a reply. Called on
    /// `loop`; false if no session has this ID.
    net::task<bool> close_session(net::loop& loop, std::string id);
    /// The endpoints that are listened on, with their actual port numbers.
    [[nodiscard]] const std::vector<endpoint>& endpoints() const noexcept;

    /// Stops accepting, requests all sessions to stop, kills those that still run after `grace`, then calls `done` on the
    /// first loop. Call it once.
    void stop(std::chrono::milliseconds grace, stop_handler done);

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace sallyport::frontend
