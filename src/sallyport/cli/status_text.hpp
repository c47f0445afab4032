#pragma once
// The status of a daemon as a person reads it, made from the JSON that the daemon answers with. A pure function; any thread.

#include <cstddef>
#include <string>

#include <boost/json/object.hpp>

namespace sallyport::cli {

struct status_selection {
    bool sessions = false;   // the list of all sessions too
    bool penalties = false;  // and of the addresses with a login penalty
    std::size_t limit = 20;  // rows of each list; 0: all
};

/// Totals first, then tables. `status` is of status::status_json().
[[nodiscard]] std::string status_text(const boost::json::object& status, const status_selection& what);

}  // namespace sallyport::cli
