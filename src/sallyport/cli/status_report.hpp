#pragma once
// What `status` shows of a daemon: as JSON, made inside it, and as text, made from that by who asked. Pure functions.
//
// Keys of the JSON are words of the documentation (docs/operating.md) and stay.

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include <sallyport/base/address.hpp>
#include <sallyport/gate/pool.hpp>
#include <sallyport/status/counters.hpp>
#include <sallyport/status/session_report.hpp>

namespace sallyport::cli {

struct daemon_facts {
    std::string name;  // "sallyport gate"
    std::chrono::seconds up{};
    std::vector<endpoint> listening;
    bool draining = false;  // a successor has taken over
    std::vector<status::login_penalty> penalties{};
};

/// All text of peers is escaped in it.
[[nodiscard]] boost::json::object status_json(const daemon_facts& daemon, const status::snapshot& counted,
                                              const std::optional<gate::pool_snapshot>& backends,
                                              const status::session_survey& survey);

struct status_choice {
    bool sessions = false;   // the list of all sessions too
    bool penalties = false;  // and of the addresses with a login penalty
    std::size_t limit = 20;  // rows of each list; 0: all
};

/// Totals first, then tables.
[[nodiscard]] std::string status_text(const boost::json::object& status, const status_choice& what);

}  // namespace sallyport::cli
