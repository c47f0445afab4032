#pragma once
// The front of a daemon: listening sockets on every loop, who is let in, the sessions that run, and their orderly end.
//
// Owned by the daemon. open() and run() on the thread that will run the loops, before they run; stop() on the first loop.
// The loops and the counters must outlive it.

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

/// How a daemon stops: `all_ended` is false where a session could not be ended in time, because a disk or a name server
/// holds it.
using stop_handler = std::move_only_function<void(bool all_ended)>;

/// Descriptors that a session needs.
struct descriptor_need {
    // A session, as long as it lasts.
    std::size_t session = 1;
    // In addition, while it has a data connection.
    std::size_t transfer = 4;
};

/// How many sessions can be had of `free` descriptors, so that each that is in has some for a transfer, as far as
/// limits::max_descriptors_for_transfers goes.
[[nodiscard]] std::size_t sessions_possible(std::size_t free, const descriptor_need& need) noexcept;

/// Says in the log that a socket which was handed to this process has none of the addresses to listen on.
void log_unmatched_socket(const endpoint& at);

class frontend {
public:
    /// Makes and spawns the session of an arrival, on its loop.
    using session_starter = std::function<void(admitted_connection)>;

    /// `data`: which connections are data, where they come to the control ports or to one other port (single-port mode).
    frontend(net::loop_group& loops, const admission_rules& rules, reach::trusted_proxies proxies,
             std::shared_ptr<reach::single_port> data, status::counters& counters, descriptor_need need = {});
    /// Closes the listeners.
    ~frontend();

    /// Listening sockets of a service manager or of an old process: open() takes those at its addresses, run() closes the
    /// others and says so in the log. Before open().
    void adopt_sockets(std::vector<unique_fd> sockets);
    /// For a new process; they stay ours. On the first loop, not after leave() or stop().
    [[nodiscard]] std::vector<int> sockets() const;
    /// A new process accepts from now on. The sessions that run go on, without the single port; `gone` is called on the
    /// first loop when the last of them has ended. Once; stop() may follow.
    void start_draining(std::move_only_function<void()> on_drained);
    /// Listens at all of them on every loop; the kernel spreads connections over these. Where data has one port for itself,
    /// on that one too, at the same address. An error names the address and the cause.
    [[nodiscard]] result<void> open(std::span<const endpoint> plain, std::span<const endpoint> implicit_tls);
    [[nodiscard]] result<void> open(const endpoint& at, bool implicit_tls);
    /// Which connections are our own, by who has connected to where; any loop's thread. Such a connection is closed. Before
    /// run().
    void close_self_connections(std::function<bool(const endpoint& peer, const endpoint& destination)> is_self);
    /// Accepts from now on. Who is over a limit hears 421 and is gone. Limits are on clients, not on a balancer that passes
    /// them on: its header is read first. Where descriptors do not suffice for as many sessions as the rules let in, there
    /// are fewer, and the log says so.
    void run(session_starter start_session);
    /// Any thread: new limits, for those who come from now on.
    void set_rules(const admission_rules& rules);
    /// What all sessions tell; asked on `here`. Each loop is asked in small steps, so that none is held up by it.
    net::task<status::session_snapshot> collect_snapshot(net::loop& loop) const;
    /// Any thread: the sources refused because of their failed logins, and the end of that for one of them. False where
    /// nothing is known of it.
    [[nodiscard]] std::vector<status::login_penalty> list_login_penalties() const;
    bool forgive(const ip_address& address);
    /// Ends one session: 421, whatever it does, and soon without a word. Asked on `here`; false where no session has this
    /// id.
    net::task<bool> close_session(net::loop& loop, std::string id);
    /// What is listened on, with real port numbers.
    [[nodiscard]] const std::vector<endpoint>& endpoints() const noexcept;

    /// Stops accepting, tells sessions to stop, kills those that still run when `grace` is over, then calls `done` on the
    /// first loop. Once.
    void stop(std::chrono::milliseconds grace, stop_handler done);

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace sallyport::frontend
