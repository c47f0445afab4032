#pragma once
// The state of a daemon at one moment, and that as JSON for the control socket and for a page. Pure functions; any thread.
//
// The keys are documented (docs/operating.md) and stay. All text of peers is escaped in it. Times are seconds, and their
// keys say so.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include <sallyport/base/address.hpp>
#include <sallyport/status/backend_snapshot.hpp>
#include <sallyport/status/counters.hpp>
#include <sallyport/status/session_report.hpp>

namespace sallyport::status {

struct daemon_snapshot {
    // "sallyport gate".
    std::string name;
    int pid = 0;
    std::chrono::seconds uptime{};
    std::vector<endpoint> listening;
    // A new process has taken over.
    bool draining = false;
    counter_snapshot counted{};
    std::uint64_t log_lines_lost = 0;
    // Nothing: a server, which has none.
    std::optional<pool_snapshot> backends{};
    session_snapshot sessions{};
    std::vector<login_penalty> penalties{};
};

[[nodiscard]] boost::json::object status_json(const daemon_snapshot& daemon);

}  // namespace sallyport::status
