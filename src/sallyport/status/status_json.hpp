#pragma once
// The state of a daemon at one moment, and its JSON format for the control socket. Values and a pure function; any thread.
//
// The keys are documented (docs/operation.md) and stable. Texts of peers are escaped. Times are in seconds, and their keys
// contain the unit.

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

/// The rights of the process.
struct confinement_snapshot {
    // The user that it runs as; empty: not known.
    std::string user;
    // Version of Landlock that restricts its files; 0: none.
    int landlock = 0;
    // Listening on TCP ports is restricted.
    bool ports = false;
    // System calls are restricted.
    bool system_calls = false;
    // Reasons for what is missing.
    std::vector<std::string> missing{};
};

struct daemon_snapshot {
    // For example "sallyport gate".
    std::string name;
    int pid = 0;
    std::chrono::seconds uptime{};
    std::vector<endpoint> listening;
    // A new process has taken over.
    bool draining = false;
    counter_snapshot counted{};
    std::uint64_t log_lines_lost = 0;
    confinement_snapshot confinement{};
    // Nothing for a server, which has no backends.
    std::optional<pool_snapshot> backends{};
    session_snapshot sessions{};
    std::vector<login_penalty> penalties{};
};

[[nodiscard]] boost::json::object status_json(const daemon_snapshot& daemon);

}  // namespace sallyport::status
