#pragma once
// The openings of a running gateway for the user, from the status of its control socket: which data connections may come
// next, from which host, and where they go. Pure functions on values; any thread.

#include <string>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

namespace sallyport::cli {

/// One object for each opening, with "session", "client", "server", "reason" ("passive": the client connects, "active": the
/// server does), "peer", "port", "forwarded_to", "age_seconds", "attempted" and "expires_in_seconds". `status` comes from
/// status::status_json().
[[nodiscard]] boost::json::array openings_of(const boost::json::object& status);
/// "SESSION: passive, CLIENT to SERVER, from PEER to port PORT, ...".
[[nodiscard]] std::string line_of_opening(const boost::json::object& opening);

}  // namespace sallyport::cli
