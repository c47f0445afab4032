#include <sallyport/ops/page_json.hpp>

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <sallyport/base/ascii.hpp>
#include <sallyport/diagnosis/rules.hpp>

namespace sallyport::ops {
namespace {

namespace json = boost::json;
using session = status::session_report;
using sessions = std::vector<const session*>;

// The last ones say what is wrong now.
constexpr std::size_t max_failures = 30;
constexpr std::size_t max_openings = 50;
constexpr std::size_t max_penalties = 30;

constexpr auto orders = std::to_array<std::pair<std::string_view, session_order>>({{"busiest", session_order::busiest},
                                                                                   {"oldest", session_order::oldest},
                                                                                   {"newest", session_order::newest},
                                                                                   {"user", session_order::user},
                                                                                   {"client", session_order::client},
                                                                                   {"backend", session_order::backend}});

[[nodiscard]] bool contains(std::string_view text, std::string_view lower) {
    const auto is_same = [](char a, char b) { return to_lower(a) == b; };
    return !std::ranges::search(text, lower, is_same).empty() || lower.empty();
}

[[nodiscard]] bool passes(const session& s, std::string_view filter) {
    return contains(s.user, filter) || contains(s.client.text(), filter) || contains(s.backend, filter) ||
           contains(s.id, filter) || (s.transfer && contains(s.transfer->path, filter));
}

/// Transfers before idle sessions, and the faster ones first.
[[nodiscard]] double activity_of(const session& s) {
    if (!s.transfer) return -std::chrono::duration<double>(s.idle).count() - 1;
    const double age = std::chrono::duration<double>(s.transfer->age).count();
    return s.transfer->bytes && age > 0 ? static_cast<double>(*s.transfer->bytes) / age : 0;
}

[[nodiscard]] bool goes_before(const session& a, const session& b, session_order by) {
    using enum session_order;
    switch (by) {
        case busiest: return std::tuple(-activity_of(a), a.id) < std::tuple(-activity_of(b), b.id);
        case oldest: return std::tie(b.age, a.id) < std::tie(a.age, b.id);
        case newest: return std::tie(a.age, a.id) < std::tie(b.age, b.id);
        case user: return std::tie(a.user, a.id) < std::tie(b.user, b.id);
        case client: return std::tie(a.client, a.id) < std::tie(b.client, b.id);
        case backend: return std::tie(a.backend, a.id) < std::tie(b.backend, b.id);
    }
    return false;
}

/// The rows of this part of the page, and the number of all that pass the filter.
[[nodiscard]] std::pair<sessions, std::size_t> rows_of(const status::session_snapshot& all, const page_query& asked) {
    sessions found;
    const auto filter = to_lower(asked.filter);
    for (const auto& each : all.sessions)
        if (passes(each, filter)) found.push_back(&each);
    const auto matched = found.size();
    const auto first = std::min(asked.offset, matched);
    const auto end = std::min(first + asked.rows, matched);
    const auto before = [&](const session* a, const session* b) { return goes_before(*a, *b, asked.order); };
    std::ranges::partial_sort(found, found.begin() + static_cast<std::ptrdiff_t>(end), before);
    return {sessions(found.begin() + static_cast<std::ptrdiff_t>(first), found.begin() + static_cast<std::ptrdiff_t>(end)),
            matched};
}

[[nodiscard]] json::object causes_of(const std::vector<status::failed_data_count>& failures) {
    json::object out;
    for (const auto& each : failures)
        if (const auto* const known = diagnosis::explain(each.id))
            out[each.id] = {{"cause", known->cause}, {"remedy", known->remedy}};
    return out;
}

/// Removes the last `count` sessions, and returns them.
[[nodiscard]] json::array take_last(json::array& from, std::size_t count) {
    const auto begin = from.end() - static_cast<std::ptrdiff_t>(count);
    json::array out(begin, from.end());
    from.erase(begin, from.end());
    return out;
}

[[nodiscard]] json::array opening_rows(json::array of_sessions) {
    json::array out;
    for (auto& s : of_sessions) {
        for (auto& opening : s.at("openings").as_array()) {
            if (out.size() == max_openings) return out;
            auto row = opening.as_object();
            row["session"] = s.at("id");
            row["user"] = s.at("user");
            row["advertised"] = s.at("advertised");
            out.emplace_back(std::move(row));
        }
    }
    return out;
}

}  // namespace

result<page_query> query_of(std::string_view target) {
    const auto parsed = boost::urls::parse_origin_form({target.data(), target.size()});
    if (!parsed) return fail(errc::syntax, "not a path with a query");
    page_query out;
    for (const auto& parameter : parsed->params()) {
        const std::string_view key = parameter.key;
        const std::string_view value = parameter.value;
        if (key == "filter") out.filter = value;
        if (key == "session") out.chosen = value;
        if (key == "offset") out.offset = parse_decimal(value).value_or(0);
        if (key == "rows") out.rows = std::min<std::size_t>(parse_decimal(value).value_or(out.rows), page_query::max_rows);
        if (key == "order")
            for (const auto& [name, order] : orders)
                if (value == name) out.order = order;
    }
    return out;
}

json::object page_json(status::daemon_snapshot now, const status::session_snapshot& all, const page_query& asked,
                       json::object rates) {
    const auto [rows, matched] = rows_of(all, asked);
    now.sessions.complete = all.complete;
    for (const auto* const each : rows) now.sessions.sessions.push_back(*each);
    std::size_t openings = 0;
    std::size_t with_openings = 0;
    for (const auto& each : all.sessions) {
        openings += each.openings.size();
        if (each.openings.empty() || with_openings == max_openings) continue;
        ++with_openings;
        now.sessions.sessions.push_back(each);
    }
    const auto chosen = std::ranges::find(all.sessions, asked.chosen, &session::id);
    if (chosen != all.sessions.end()) now.sessions.sessions.push_back(*chosen);
    const auto penalties = now.penalties.size();
    now.penalties.resize(std::min(penalties, max_penalties));
    now.failed_data.resize(std::min(now.failed_data.size(), max_failures));

    auto out = status::status_json(now);
    auto& listed = out.at("sessions").as_array();
    json::value chosen_session;
    if (chosen != all.sessions.end()) chosen_session = take_last(listed, 1).at(0);
    auto opening_list = opening_rows(take_last(listed, with_openings));
    out["page"] = {{"matched", matched},
                   {"offset", asked.offset},
                   {"chosen", std::move(chosen_session)},
                   {"openings", std::move(opening_list)},
                   {"openings_total", openings},
                   {"login_penalties_total", penalties},
                   {"causes", causes_of(now.failed_data)},
                   {"rates", std::move(rates)}};
    return out;
}

}  // namespace sallyport::ops
