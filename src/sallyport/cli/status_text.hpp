#pragma once
// Formats the status of a daemon for the user, from the JSON of its control socket. A pure function on values; any
// thread.

#include <cstddef>
#include <string>

#include <boost/json/object.hpp>

namespace sallyport::cli {

struct status_selection {
    /// Include the list of sessions.
    bool sessions = false;
    /// Include the addresses with a login penalty.
    bool penalties = false;
    /// Maximum rows per list; 0: all.
    std::size_t limit = 20;
};

/// Totals first, then tables. `status` comes from status::status_json().
[[nodiscard]] std::string status_text(const boost::json::object& status, const status_selection& what);

}  // namespace sallyport::cli
