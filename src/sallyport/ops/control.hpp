#pragma once
// The commands that a daemon takes on its control socket. A request is {"command": NAME} with the parameters of the command
// ("address", "session"); the answer is an object, {"error": TEXT} if the request is refused.
//
// Used on the first loop. Actions are values; what they refer to must outlive the control socket.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <sys/types.h>
#include <boost/json/object.hpp>

#include <sallyport/base/error.hpp>
#include <sallyport/frontend/service.hpp>
#include <sallyport/net/deadline.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/net/worker_pool.hpp>
#include <sallyport/ops/confinement.hpp>
#include <sallyport/ops/control_socket.hpp>
#include <sallyport/status/counters.hpp>
#include <sallyport/status/status_json.hpp>

namespace sallyport::ops {

/// Runs on the first loop and returns the answer as one line. The request outlives the task.
using control_action = std::function<net::task<result<std::string>>(const boost::json::object& request)>;
using control_actions = std::map<std::string, control_action, std::less<>>;

/// The answer to one request line. The log has each request but those for the status, with the user who asks, if the kernel
/// knows.
[[nodiscard]] net::task<std::string> answer_request(std::shared_ptr<const control_actions> actions, std::string request,
                                                    std::optional<uid_t> user);

/// The same commands, of which all but "status" are refused.
[[nodiscard]] control_actions read_only(const control_actions& all);

/// The location of a daemon's control socket.
struct control_socket_location {
    // An empty path: no control socket.
    socket_place place{};
    // False for the default path, which another daemon may use: failing to open it is logged and is no error.
    bool required = false;
    // The reason to log if there is no path; may be empty.
    std::string reason_absent;
    // For messages.
    std::string what = "control socket";
};
/// `takes_over`: the old process still listens there.
[[nodiscard]] result<std::optional<control_socket>> open_control(net::loop& loop, const control_socket_location& location,
                                                                 control_actions actions, bool takes_over = false);

/// What the command "status" reports.
struct status_source {
    // For example "sallyport gate".
    std::string name;
    frontend::service& service;
    const status::counters& counters;
    bool draining = false;
    // No new sessions are admitted.
    bool stopping = false;
    // The administrator wants no new sessions here.
    bool drained = false;
    // Empty if the process keeps its rights.
    confinement_report confinement{};
    net::clock::time_point started = net::clock::now();
    // When the first of the server's certificates expires, in seconds of Unix time; nothing without one.
    std::function<std::optional<std::int64_t>()> certificate_end{};

    /// Whether new sessions are wanted here.
    [[nodiscard]] bool is_ready() const noexcept { return !draining && !stopping && !drained; }
};

/// The state of the daemon, without its sessions and login penalties.
[[nodiscard]] status::daemon_snapshot snapshot_of(const status_source& from);
/// The snapshot is turned into text on a thread of `disk`.
[[nodiscard]] control_action status_action(net::loop& loop, net::worker_pool& disk, std::shared_ptr<status_source> from);
/// Removes the login penalty of an address.
[[nodiscard]] control_action forgive_action(frontend::frontend& sessions);
/// Sets whether new sessions are wanted, as /readyz says; those that arrive are served in any case. `has_metrics`: this
/// process answers /readyz.
[[nodiscard]] control_action readiness_action(std::shared_ptr<status_source> of, bool ready, bool has_metrics);
/// Ends one session.
[[nodiscard]] control_action kick_action(net::loop& loop, frontend::frontend& sessions);

}  // namespace sallyport::ops
