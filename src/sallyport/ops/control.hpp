#pragma once
// What the administrator of a daemon can do through its control socket. A request is {"command": WORD}, with what the
// command needs ("address", "session"); the answer is an object, {"error": TEXT} if it is refused.
//
// On the first loop. What the actions refer to must outlive the socket.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <boost/json/object.hpp>

#include <sallyport/base/error.hpp>
#include <sallyport/frontend/service.hpp>
#include <sallyport/net/deadline.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/net/worker_pool.hpp>
#include <sallyport/ops/control_socket.hpp>
#include <sallyport/status/counters.hpp>

namespace sallyport::ops {

/// Runs on the first loop, with the request, which outlives it; returns the answer's line.
using control_action = std::function<net::task<result<std::string>>(const boost::json::object& request)>;
using control_actions = std::map<std::string, control_action, std::less<>>;

/// The answer to one line.
[[nodiscard]] net::task<std::string> answer_request(std::shared_ptr<const control_actions> actions, std::string request);

/// Where the control socket of a daemon is.
struct control_socket_location {
    std::string path;       // empty: there is none
    bool required = false;  // false: it is the default place, which may be another daemon's; the log says if it is missing
    std::string reason_absent;  // for the log, if the path is empty; may be empty
};
/// `replaces`: the old process has it still.
[[nodiscard]] result<std::optional<control_socket>> open_control(net::loop& loop, const control_socket_location& location,
                                                                 control_actions actions, bool takes_over = false);

/// What "status" shows.
struct status_source {
    std::string name;  // "sallyport gate"
    frontend::service& service;
    const status::counters& counters;
    bool draining = false;
    net::clock::time_point started = net::clock::now();
};

/// `disk`: turns it into text.
[[nodiscard]] control_action status_action(net::loop& loop, net::worker_pool& disk, std::shared_ptr<status_source> from);
/// Removes the login penalty of an address.
[[nodiscard]] control_action forgive_action(frontend::frontend& sessions);
/// Ends one session.
[[nodiscard]] control_action kick_action(net::loop& loop, frontend::frontend& sessions);

}  // namespace sallyport::ops
