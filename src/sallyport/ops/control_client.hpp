#pragma once
// Requests to a running daemon, through its control socket: one request, one answer, both JSON. Any thread.

#include <chrono>
#include <string>

#include <boost/json/object.hpp>

#include <sallyport/base/error.hpp>

namespace sallyport::ops {

/// Blocks for `wait` at most. An error names the socket, the cause and what to do.
[[nodiscard]] result<boost::json::object> send_control_request(const std::string& socket, const boost::json::object& request,
                                                               std::chrono::seconds wait);

}  // namespace sallyport::ops
