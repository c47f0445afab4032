#pragma once
// What the user of a daemon may ask and tell it through its control socket. A request is {"do": WORD}, with what the word
// needs beside it ("address", "session"); the answer is an object, {"error": TEXT} where it is refused.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include <sallyport/base/error.hpp>
#include <sallyport/cli/daemon.hpp>
#include <sallyport/front/control_socket.hpp>
#include <sallyport/front/service.hpp>
#include <sallyport/status/counters.hpp>

namespace sallyport::cli {

/// Runs on the first loop, with the request, which outlives it; returns the answer's line.
using control_action = std::function<net::task<result<std::string>>(const boost::json::object& request)>;
using control_actions = std::map<std::string, control_action, std::less<>>;

/// Opens the socket that `operation` names. The default one may be missing, since that may be another daemon's: the log
/// tells. `succeed`: the daemon in whose place we come has it still.
[[nodiscard]] result<std::optional<front::control_socket>> open_control(daemon& host, const operation_options& operation,
                                                                        std::string_view kind, control_actions actions,
                                                                        bool succeed = false);

/// Where "status" finds what it shows.
struct status_source {
    std::string name;
    const status::counters& counters;
    front::service& service;
    bool draining = false;
    net::clock::time_point begun = net::clock::now();
};

/// "forgive" and "kick", for the sessions and penalties of this front.
[[nodiscard]] control_action forgive_action(front::front& of);
[[nodiscard]] control_action kick_action(daemon& host, front::front& of);

[[nodiscard]] control_action status_action(daemon& host, std::shared_ptr<status_source> from);

}  // namespace sallyport::cli
