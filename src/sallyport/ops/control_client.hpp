#pragma once
// Sends a request to a running daemon on its control socket: one request and one answer, both JSON. The result is a value;
// any thread.

#include <chrono>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include <sallyport/base/error.hpp>

namespace sallyport::ops {

/// Blocks for up to `wait`. An error names the socket, the cause and what to do.
[[nodiscard]] result<boost::json::object> send_control_request(const std::string& socket, const boost::json::object& request,
                                                               std::chrono::seconds wait);

/// Reads one answer. errc::rejected with the daemon's text if it refuses the request, errc::unexpected if another program
/// has written it.
[[nodiscard]] result<boost::json::object> read_control_answer(std::string_view line);

}  // namespace sallyport::ops
