#pragma once
// Speaking with a daemon that runs, through its control socket: one request, one answer, both JSON.

#include <chrono>
#include <string>

#include <boost/json/object.hpp>

#include <sallyport/base/error.hpp>

namespace sallyport::cli {

/// Blocks for `wait` at most. An error names the socket, the cause and what to do.
[[nodiscard]] result<boost::json::object> ask_daemon(const std::string& socket, const boost::json::object& request,
                                                     std::chrono::seconds wait);

}  // namespace sallyport::cli
