#include <sallyport/cli/status_report.hpp>

#include <unistd.h>
#include <boost/json/array.hpp>

#include <sallyport/base/escape.hpp>

namespace sallyport::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t shown_path = 300;

[[nodiscard]] double seconds(std::chrono::milliseconds t) { return static_cast<double>(t.count()) / 1000; }

[[nodiscard]] json::value or_null(const std::string& text) { return text.empty() ? json::value() : json::value(text); }

/// "192.0.2.1", "2001:db8:0:1::/64"
[[nodiscard]] std::string source_text(const ip_address& source) {
    return source.is_v4() ? source.text() : source.text() + "/64";
}

[[nodiscard]] json::object json_of(const status::snapshot& c) {
    return {{"sessions", c.sessions_open},
            {"sessions_total", c.sessions_total},
            {"transfers", c.transfers_running},
            {"transfers_complete", c.transfers_complete},
            {"transfers_failed", c.transfers_failed},
            {"bytes_received", c.bytes_received},
            {"bytes_sent", c.bytes_sent}};
}

[[nodiscard]] json::object refusals_of(const status::snapshot& c) {
    return {{"full", c.turned_away_full},
            {"full_for_address", c.turned_away_address},
            {"penalised", c.turned_away_penalised},
            {"no_backend", c.turned_away_no_backend},
            {"login", c.logins_refused},
            {"target", c.targets_refused},
            {"stranger", c.strangers_refused},
            {"nobody_came", c.data_never_came},
            {"active_connect_failed", c.active_connects_failed},
            {"no_port", c.ports_exhausted}};
}

[[nodiscard]] json::array json_of(const gate::pool_snapshot& pool) {
    json::array out;
    for (const auto& b : pool.backends) {
        json::object one{{"name", b.name},
                         {"state", b.listed ? name(b.terms.state) : "leaving"},
                         {"health", name(b.health)},
                         {"reason", or_null(escape(b.reason))},
                         {"since", json::value()},
                         {"weight", b.terms.weight},
                         {"share", b.share},
                         {"sessions", b.sessions},
                         {"sessions_most", b.terms.max_sessions},
                         {"sessions_total", b.sessions_total},
                         {"response", json::value()}};
        if (b.since_change) one["since"] = std::chrono::duration<double>(*b.since_change).count();
        if (b.response) one["response"] = b.response->count();
        out.push_back(std::move(one));
    }
    return out;
}

[[nodiscard]] json::object json_of(const status::running_transfer& t) {
    const double age = seconds(t.age);
    json::object out{{"verb", t.verb},
                     {"path", escape(t.path, shown_path)},
                     {"upload", t.upload},
                     {"method", t.method},
                     {"bytes", nullptr},
                     {"rate", nullptr},
                     {"age", age},
                     {"route", or_null(t.route)},
                     {"data_path_reason", or_null(t.data_path_reason)}};
    if (!t.bytes) return out;
    out["bytes"] = *t.bytes;
    out["rate"] = age > 0 ? static_cast<double>(*t.bytes) / age : 0.0;
    return out;
}

[[nodiscard]] json::object json_of(const status::session_report& s) {
    json::array openings;
    for (const auto& o : s.openings) {
        openings.push_back({{"side", o.behind ? "backend" : "client"},
                            {"port", o.port},
                            {"for", o.peer.text()},
                            {"left", o.left ? json::value(seconds(*o.left)) : json::value()},
                            {"led_to", or_null(o.led_to ? o.led_to->text() : std::string())}});
    }
    return {{"id", s.id},
            {"client", s.client.text()},
            {"user", or_null(escape(s.user, shown_path))},
            {"logged_in", s.logged_in},
            {"backend", or_null(s.backend)},
            {"tls", or_null(s.tls)},
            {"tls_backend", or_null(s.tls_behind)},
            {"age", seconds(s.age)},
            {"idle", seconds(s.idle)},
            {"transfer", s.transfer ? json::value(json_of(*s.transfer)) : json::value()},
            {"openings", std::move(openings)}};
}

}  // namespace

json::object status_json(const daemon_facts& daemon, const status::snapshot& counted,
                         const std::optional<gate::pool_snapshot>& backends, const status::session_survey& survey) {
    json::array listening;
    for (const auto& e : daemon.listening) listening.push_back(json::value(e.text()));
    json::array sessions;
    for (const auto& s : survey.sessions) sessions.push_back(json_of(s));
    json::array penalties;
    for (const auto& p : daemon.penalties)
        penalties.push_back({{"source", source_text(p.source)}, {"remaining_seconds", p.remaining.count()}});
    json::object out{{"name", daemon.name},        {"version", SALLYPORT_VERSION},   {"pid", ::getpid()},
                     {"up", daemon.up.count()},    {"draining", daemon.draining},    {"listening", std::move(listening)},
                     {"totals", json_of(counted)}, {"refused", refusals_of(counted)}};
    if (backends) {
        out["backends"] = json_of(*backends);
        out["waiting"] = backends->waiting;
    }
    out["login_penalties"] = std::move(penalties);
    out["whole"] = survey.whole;
    out["sessions"] = std::move(sessions);
    return out;
}

}  // namespace sallyport::cli
