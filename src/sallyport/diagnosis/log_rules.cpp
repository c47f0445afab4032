#include <sallyport/diagnosis/log_rules.hpp>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sallyport/diagnosis/rule_support.hpp>

namespace sallyport::diagnosis {

namespace {

constexpr std::size_t listed_networks = 5;

[[nodiscard]] std::string network_of(const facts& session) {
    const auto network = session.client.address.client_network();
    return network.is_v4() ? network.text() : network.text() + "/64";
}

/// Networks by the outcome of their passive data connections.
struct outcomes {
    std::set<std::string> works;
    std::set<std::string> blocked;

    void add(const facts& session) {
        for (const auto* const m : passive_methods(session)) {
            if (m->result == method_result::ok) works.insert(network_of(session));
            if (is_blocked(*m)) blocked.insert(network_of(session));
        }
    }
    [[nodiscard]] std::vector<std::string> always_blocked() const {
        std::vector<std::string> out;
        std::ranges::set_difference(blocked, works, std::back_inserter(out));
        return out;
    }
};

void decide_side(verdict& of, const outcomes& seen) {
    const auto failing = seen.always_blocked();
    const std::size_t shown = std::min(failing.size(), listed_networks);
    const auto names =
        fmt::format("{}{}", fmt::join(failing.begin(), failing.begin() + static_cast<std::ptrdiff_t>(shown), ", "),
                    failing.size() > shown ? ", ..." : "");
    if (failing.size() >= 2 && seen.works.empty()) {
        of.side = side::server;
        of.confidence = confidence::likely;
        of.evidence.push_back(fmt::format("the clients of {} networks all fail: {}", failing.size(), names));
    } else if (!failing.empty() && !seen.works.empty()) {
        of.side = side::client;
        of.confidence = confidence::likely;
        of.evidence.push_back(
            fmt::format("clients of {} fail, and those of {} other networks do not", names, seen.works.size()));
    } else {
        of.side = side::undecided;
        of.confidence = confidence::possible;
        of.evidence.push_back(fmt::format("all failures are of clients in one network: {}", names));
    }
}

}  // namespace

log_summary judge_log(std::span<const facts> sessions) {
    log_summary out{.sessions = sessions.size()};
    outcomes seen;
    std::map<std::string, std::size_t> counts;
    for (const auto& session : sessions) {
        seen.add(session);
        const auto found = judge(session);
        if (has_problem(found)) ++out.failed;
        for (const auto& each : found) {
            if (++counts[each.id] > 1) continue;
            out.verdicts.push_back(each);
            out.verdicts.back().evidence.push_back(fmt::format("first seen with {}", network_of(session)));
        }
    }
    for (auto& each : out.verdicts) {
        if (counts[each.id] > 1) each.evidence.push_back(fmt::format("seen in {} sessions", counts[each.id]));
        if (each.id.starts_with("data-ports-")) decide_side(each, seen);
    }
    return out;
}

}  // namespace sallyport::diagnosis
