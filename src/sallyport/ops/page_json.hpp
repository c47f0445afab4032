#pragma once
// What the page shows, as JSON: what `status --json` has (status/status_json.hpp), with those sessions only that the page
// asks for, and with what belongs to the page alone. Values and pure functions; any thread.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include <sallyport/base/error.hpp>
#include <sallyport/status/status_json.hpp>

namespace sallyport::ops {

enum class session_order : std::uint8_t { busiest, oldest, newest, user, client, backend };

struct page_query {
    // More rows would make the page slow.
    static constexpr std::size_t max_rows = 200;

    // A text that user, client, backend, path or id contains, without regard to case; empty: all sessions.
    std::string filter{};
    session_order order = session_order::busiest;
    std::size_t offset = 0;
    std::size_t rows = 50;
    // The id of the session whose path is shown; may be empty.
    std::string chosen{};
};

/// From the target of a request: "/status.json?filter=anna&order=user&offset=50&rows=50&session=ID". What is unknown or
/// invalid is left as it is by default. errc::syntax if the target is no path with a query.
[[nodiscard]] result<page_query> query_of(std::string_view target);

/// `now`: without sessions. `all`: every session. `rates`: see status::rate_history::json().
///
/// The object "page" has "matched" (the sessions that pass the filter), "offset", "chosen" (a session, or null), "openings"
/// with "openings_total", "causes" (the words for the ids of failed data connections), and "rates".
[[nodiscard]] boost::json::object page_json(status::daemon_snapshot now, const status::session_snapshot& all,
                                            const page_query& asked, boost::json::object rates);

}  // namespace sallyport::ops
