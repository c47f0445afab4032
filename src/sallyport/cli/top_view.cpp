#include <sallyport/cli/top_view.hpp>

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <boost/json/array.hpp>

#include <sallyport/base/escape.hpp>
#include <sallyport/cli/display_text.hpp>
#include <sallyport/cli/status_values.hpp>
#include <sallyport/status/counters.hpp>

namespace sallyport::cli {
namespace {

namespace json = boost::json;

// Two lines above the table, its heading, and the keys.
constexpr std::size_t other_lines = 4;
constexpr std::string_view keys =
    "q quit, / filter, v reverse; sort: r rate, t bytes, a age, i idle, u user, c client, b backend";
constexpr std::string_view short_keys = "q quit, / filter, v reverse, sort: r t a i u c b";

/// One session.
struct row {
    std::string id;
    std::string user;
    std::string client;
    std::string backend;
    std::string verb;
    std::string path;
    bool upload = false;
    double age = 0;
    // Nothing during a transfer.
    std::optional<double> idle{};
    // Nothing if its bytes do not pass through the daemon, or without a transfer.
    std::optional<double> bytes{};
    std::optional<double> rate{};
};

/// "-" if it is no text. The terminal shows it and does nothing else, also if the daemon is another program.
[[nodiscard]] std::string text_of(const json::value& v) { return printable(words(v)); }

[[nodiscard]] std::string address_of(const std::string& client) { return client.substr(0, client.rfind(':')); }

[[nodiscard]] row row_of(const json::object& session, const transfer_rates& rates) {
    row out{.id = text_of(session.at("id")),
            .user = text_of(session.at("user")),
            .client = address_of(text_of(session.at("client"))),
            .backend = text_of(session.at("backend")),
            .verb = "-",
            .path = {},
            .age = number(session.at("age_seconds"))};
    const auto* const transfer = session.at("transfer").if_object();
    if (transfer == nullptr) {
        out.idle = number(session.at("idle_seconds"));
        return out;
    }
    out.verb = text_of(transfer->at("verb"));
    out.path = text_of(transfer->at("path"));
    out.upload = words(transfer->at("direction")) == "upload";
    if (transfer->at("bytes").is_number()) out.bytes = number(transfer->at("bytes"));
    if (const auto found = rates.find(words(session.at("id"))); found != rates.end()) out.rate = found->second;
    return out;
}

[[nodiscard]] bool contains_each(std::string_view text, const std::vector<std::string>& wanted) {
    return std::ranges::all_of(wanted, [text](const std::string& each) { return text.contains(each); });
}

[[nodiscard]] bool permits(const top_filter& filter, const row& r) {
    const auto is_somewhere = [&r](const std::string& text) {
        return r.user.contains(text) || r.client.contains(text) || r.backend.contains(text);
    };
    return contains_each(r.user, filter.user) && contains_each(r.client, filter.client) &&
           contains_each(r.backend, filter.backend) && std::ranges::all_of(filter.anywhere, is_somewhere);
}

/// The largest number first; rows without one come last.
[[nodiscard]] bool is_larger(const std::optional<double>& a, const std::optional<double>& b) {
    return a.has_value() && (!b.has_value() || *a > *b);
}

[[nodiscard]] bool is_before(top_order order, const row& a, const row& b) {
    switch (order) {
        case top_order::rate: return is_larger(a.rate, b.rate);
        case top_order::bytes: return is_larger(a.bytes, b.bytes);
        case top_order::age: return a.age > b.age;
        case top_order::idle: return is_larger(a.idle, b.idle);
        case top_order::user: return a.user < b.user;
        case top_order::client: return a.client < b.client;
        case top_order::backend: return a.backend < b.backend;
    }
    return false;
}

void sort(std::vector<row>& rows, const top_view& view) {
    std::ranges::sort(rows, {}, &row::id);
    std::ranges::stable_sort(rows, [&view](const row& a, const row& b) {
        return view.reversed ? is_before(view.order, b, a) : is_before(view.order, a, b);
    });
}

[[nodiscard]] std::string_view name_of(top_order order) {
    return std::ranges::find(top_orders, order, &top_order_names::order)->name;
}

/// "5s", "3m", "2h", "4d".
[[nodiscard]] std::string short_span(double seconds) {
    const auto s = static_cast<std::uint64_t>(std::max(0.0, seconds));
    if (s < 100) return fmt::format("{}s", s);
    if (s < 6000) return fmt::format("{}m", s / 60);
    if (s < 172800) return fmt::format("{}h", s / 3600);
    return fmt::format("{}d", s / 86400);
}

[[nodiscard]] std::string bytes_text(const std::optional<double>& n, std::string_view per = "") {
    return n ? status::format_bytes(static_cast<std::uint64_t>(std::max(0.0, *n))) + std::string(per) : std::string();
}

/// A column of the table. Those with the lowest number are the last to be left out.
struct column {
    std::string_view title;
    int rank = 0;
    std::size_t min = 0;
    std::size_t max = 0;
    bool right = false;
    std::string (*text)(const row&) = nullptr;
    std::size_t width = 0;
};

[[nodiscard]] std::vector<column> columns_for(bool gateway) {
    std::vector<column> out{
        {"SESSION", 9, 10, 16, false, [](const row& r) { return r.id; }},
        {"USER", 0, 8, 24, false, [](const row& r) { return r.user; }},
        {"CLIENT", 1, 15, 39, false, [](const row& r) { return r.client; }},
        {"BACKEND", 7, 16, 40, false, [](const row& r) { return r.backend; }},
        {"AGE", 6, 4, 5, true, [](const row& r) { return short_span(r.age); }},
        {"IDLE", 8, 4, 5, true, [](const row& r) { return r.idle ? short_span(*r.idle) : std::string(); }},
        {"VERB", 2, 4, 5, false, [](const row& r) { return r.verb; }},
        {"BYTES", 5, 9, 10, true, [](const row& r) { return bytes_text(r.bytes); }},
        {"RATE", 3, 10, 12, true, [](const row& r) { return bytes_text(r.rate, "/s"); }},
        {"PATH", 4, 10, 200, false, [](const row& r) { return r.path; }},
    };
    if (!gateway) std::erase_if(out, [](const column& c) { return c.title == "BACKEND"; });
    return out;
}

/// Leaves out what does not fit, and gives the rest of the space to those whose texts need it.
void fit(std::vector<column>& columns, const std::vector<row>& shown, std::size_t available) {
    std::vector<column*> by_rank;
    for (auto& each : columns) by_rank.push_back(&each);
    std::ranges::stable_sort(by_rank, {}, &column::rank);
    std::size_t used = 0;
    for (auto* each : by_rank) {
        const auto needed = each->min + (used == 0 ? 0 : 1);
        if (used + needed > available) continue;
        each->width = each->min;
        used += needed;
    }
    for (auto* each : by_rank) {
        if (each->width == 0) continue;
        std::size_t wanted = each->width;
        for (const auto& r : shown) wanted = std::max(wanted, std::min(each->max, columns_of(each->text(r))));
        const auto more = std::min(wanted - each->width, available - used);
        each->width += more;
        used += more;
    }
    std::erase_if(columns, [](const column& c) { return c.width == 0; });
}

[[nodiscard]] std::string cell(std::string_view text, const column& in) {
    auto out = cut_to_columns(text, in.width);
    const std::string blanks(in.width - columns_of(out), ' ');
    return in.right ? blanks + out : out + blanks;
}

[[nodiscard]] std::string joined(const std::vector<column>& columns, const auto& text_of) {
    std::string out;
    for (const auto& each : columns) out += (out.empty() ? "" : " ") + cell(text_of(each), each);
    return out;
}

[[nodiscard]] std::string totals_text(const json::object& status, const std::vector<row>& rows) {
    double sent = 0;
    double received = 0;
    for (const auto& r : rows) (r.upload ? received : sent) += r.rate.value_or(0);
    const auto& totals = status.at("totals").get_object();
    return fmt::format("{}, process {}, up {}: {}, {}, {} sent, {} received{}", text_of(status.at("name")),
                       count(status.at("pid")), span_text(status.at("uptime_seconds")),
                       status::with_plural(count(totals.at("sessions")), "session"),
                       status::with_plural(count(totals.at("transfers")), "transfer"), bytes_text(sent, "/s"),
                       bytes_text(received, "/s"), status.at("draining").get_bool() ? ", draining" : "");
}

[[nodiscard]] std::string view_text(const top_view& view, std::size_t matching, std::size_t all, bool complete) {
    auto out = fmt::format("Sorted by {}{}", name_of(view.order), view.reversed ? ", reversed" : "");
    if (!view.filter_text.empty())
        out += fmt::format("; {} of {} with {}", matching, status::with_plural(all, "session"), printable(view.filter_text));
    if (!complete) out += "; the sessions of an event loop that did not answer in time are missing";
    return out;
}

}  // namespace

result<top_filter> top_filter::parse(std::string_view text) {
    top_filter out;
    while (!text.empty()) {
        const auto word = text.substr(0, text.find(' '));
        text.remove_prefix(std::min(word.size() + 1, text.size()));
        if (word.empty()) continue;
        const auto equals = word.find('=');
        const auto field = word.substr(0, equals);
        if (equals == std::string_view::npos)
            out.anywhere.emplace_back(word);
        else if (field == "user")
            out.user.emplace_back(word.substr(equals + 1));
        else if (field == "client")
            out.client.emplace_back(word.substr(equals + 1));
        else if (field == "backend")
            out.backend.emplace_back(word.substr(equals + 1));
        else
            return fail(errc::usage, fmt::format("\"{}\": use user=TEXT, client=TEXT, backend=TEXT, or TEXT for any of them",
                                                 escape(word, 100)));
    }
    return out;
}

transfer_rates mean_rates(const json::object& now) {
    transfer_rates out;
    for (const auto& v : now.at("sessions").get_array()) {
        const auto& session = v.get_object();
        const auto* const transfer = session.at("transfer").if_object();
        if (transfer != nullptr && transfer->at("bytes_per_second").is_number())
            out[words(session.at("id"))] = number(transfer->at("bytes_per_second"));
    }
    return out;
}

transfer_rates rates_between(const json::object& before, const json::object& now, std::chrono::duration<double> passed) {
    auto out = mean_rates(now);
    if (passed.count() <= 0) return out;
    std::map<std::string, const json::object*, std::less<>> earlier;
    for (const auto& v : before.at("sessions").get_array())
        if (const auto* const transfer = v.at("transfer").if_object()) earlier[words(v.at("id"))] = transfer;
    for (const auto& v : now.at("sessions").get_array()) {
        const auto* const transfer = v.at("transfer").if_object();
        const auto found = earlier.find(words(v.at("id")));
        if (transfer == nullptr || found == earlier.end()) continue;
        const auto& old = *found->second;
        // Another transfer of the session is younger than the earlier one.
        if (number(transfer->at("age_seconds")) < number(old.at("age_seconds")) || transfer->at("path") != old.at("path") ||
            !transfer->at("bytes").is_number() || !old.at("bytes").is_number())
            continue;
        const double moved = number(transfer->at("bytes")) - number(old.at("bytes"));
        if (moved >= 0) out[found->first] = moved / passed.count();
    }
    return out;
}

top_screen render_top(const json::object& status, const transfer_rates& rates, screen_size size, const top_view& view) {
    std::vector<row> rows;
    for (const auto& v : status.at("sessions").get_array()) rows.push_back(row_of(v.get_object(), rates));
    const auto all = rows.size();
    auto totals = totals_text(status, rows);
    std::erase_if(rows, [&view](const row& r) { return !permits(view.filter, r); });
    sort(rows, view);
    top_screen out{.lines = {}, .heading = 2, .matching = rows.size(), .page = size.rows - std::min(size.rows, other_lines)};
    const auto skipped = std::min(view.skipped, rows.size() - std::min(rows.size(), out.page));
    rows.erase(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(skipped));
    rows.resize(std::min(rows.size(), out.page));

    auto columns = columns_for(status.contains("backends"));
    fit(columns, rows, size.columns);
    out.lines = {std::move(totals), view_text(view, out.matching, all, status.at("complete").get_bool()),
                 joined(columns, [](const column& c) { return std::string(c.title); })};
    for (const auto& r : rows) out.lines.push_back(joined(columns, [&r](const column& c) { return c.text(r); }));
    out.lines.resize(std::max(other_lines, size.rows) - 1);
    const auto known_keys = keys.size() <= size.columns ? keys : short_keys;
    out.lines.emplace_back(view.message.empty() ? std::string(known_keys) : printable(view.message));
    out.lines.resize(std::min(out.lines.size(), size.rows));
    for (auto& line : out.lines) line = cut_to_columns(line, size.columns);
    return out;
}

}  // namespace sallyport::cli
