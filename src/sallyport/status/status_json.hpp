#pragma once
// The state of a daemon at one moment, and its JSON format for the control socket. Values and a pure function; any thread.
//
// The keys are documented (docs/operation.md) and stable. Texts of peers are escaped. Times are in seconds, and their keys
// contain the unit.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include <sallyport/base/address.hpp>
#include <sallyport/status/backend_snapshot.hpp>
#include <sallyport/status/counters.hpp>
#include <sallyport/status/failed_data_table.hpp>
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

/// A port that a router forwards, or should.
struct mapping_snapshot {
    std::uint16_t local_port = 0;
    bool is_v6 = false;
    // Nothing while it is not forwarded.
    std::optional<endpoint> external{};
    // "pcp", "natpmp" or "upnp"; empty while it is not forwarded.
    std::string by{};
    // Until the router ends it, unless it is renewed.
    std::chrono::seconds remaining{};
    // Why the last request failed; empty if it did not. Escaped.
    std::string error{};
};

/// The passive ports at the local address at which most are in use.
struct passive_ports_snapshot {
    // All that may be used.
    std::size_t usable = 0;
    // Those that are reserved for at least one client.
    std::size_t in_use = 0;
};

struct daemon_snapshot {
    // For example "sallyport gate".
    std::string name;
    int pid = 0;
    std::chrono::seconds uptime{};
    std::vector<endpoint> listening;
    // A new process has taken over.
    bool draining = false;
    // New sessions are wanted here: /readyz is 200.
    bool ready = true;
    counter_snapshot counted{};
    std::uint64_t log_lines_lost = 0;
    // Until the first of the server's certificates expires; nothing without one, negative afterwards.
    std::optional<std::chrono::seconds> certificate_remaining{};
    // Nothing without --passive-ports.
    std::optional<passive_ports_snapshot> passive_ports{};
    confinement_snapshot confinement{};
    // Empty without --map.
    std::vector<mapping_snapshot> mappings{};
    // Nothing for a server, which has no backends.
    std::optional<pool_snapshot> backends{};
    session_snapshot sessions{};
    std::vector<login_penalty> penalties{};
    std::vector<failed_data_count> failed_data{};
    // By the id of their cause, since the start.
    std::map<std::string, std::uint64_t> failed_data_totals{};
};

[[nodiscard]] boost::json::object status_json(const daemon_snapshot& daemon);

}  // namespace sallyport::status
