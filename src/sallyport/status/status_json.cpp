#include <sallyport/status/status_json.hpp>

#include <algorithm>
#include <initializer_list>
#include <utility>

#include <boost/json/array.hpp>

#include <sallyport/base/escape.hpp>

namespace sallyport::status {
namespace {

namespace json = boost::json;

constexpr std::size_t max_shown_path = 300;

[[nodiscard]] double seconds(std::chrono::milliseconds t) { return static_cast<double>(t.count()) / 1000; }

[[nodiscard]] json::value or_null(const std::string& text) { return text.empty() ? json::value() : json::value(text); }

[[nodiscard]] json::value or_null(const std::optional<std::chrono::duration<double>>& time) {
    return time ? json::value(time->count()) : json::value();
}

/// For example "192.0.2.1" or "2001:db8:0:1::/64".
[[nodiscard]] std::string source_text(const ip_address& source) {
    return source.is_v4() ? source.text() : source.text() + "/64";
}

[[nodiscard]] json::object counts_of(const counter_snapshot& counted, std::initializer_list<counter_kind> kinds) {
    json::object out;
    for (const auto& row : counter_table())
        if (std::ranges::find(kinds, row.kind) != kinds.end()) out[row.name] = counted.*row.value;
    return out;
}

[[nodiscard]] json::value json_of(const std::optional<passive_ports_snapshot>& ports) {
    if (!ports) return nullptr;
    return json::object{{"usable", ports->usable}, {"in_use", ports->in_use}};
}

[[nodiscard]] json::array json_of(const pool_snapshot& pool) {
    json::array out;
    for (const auto& b : pool.backends) {
        out.push_back({{"name", b.name},
                       {"state", b.state},
                       {"health", b.health},
                       {"reason", or_null(escape(b.reason))},
                       {"since_seconds", or_null(b.since)},
                       {"weight", b.weight},
                       {"weight_factor", b.weight_factor},
                       {"sessions", b.sessions},
                       {"sessions_max", b.sessions_max},
                       {"sessions_total", b.sessions_total},
                       {"response_seconds", or_null(b.response)}});
    }
    return out;
}

[[nodiscard]] json::object json_of(const running_transfer& t) {
    const double age = seconds(t.age);
    json::object out{{"verb", t.verb},
                     {"path", escape(t.path, max_shown_path)},
                     {"direction", t.upload ? "upload" : "download"},
                     {"client_method", or_null(t.client_method)},
                     {"backend_method", or_null(t.backend_method)},
                     {"data_path", or_null(t.data_path)},
                     {"data_path_reason", or_null(t.data_path_reason)},
                     {"bytes", nullptr},
                     {"bytes_per_second", nullptr},
                     {"age_seconds", age}};
    if (!t.bytes) return out;
    out["bytes"] = *t.bytes;
    out["bytes_per_second"] = age > 0 ? static_cast<double>(*t.bytes) / age : 0.0;
    return out;
}

[[nodiscard]] json::object json_of(const opening& o) {
    return {{"leg", o.backend_leg ? "backend" : "client"},
            {"port", o.port},
            {"peer", o.peer.text()},
            {"expires_in_seconds", o.expires_in ? json::value(seconds(*o.expires_in)) : json::value()},
            {"forwarded_to", or_null(o.forwarded_to ? o.forwarded_to->text() : std::string())},
            {"age_seconds", o.age ? json::value(seconds(*o.age)) : json::value()},
            {"attempted", o.attempted}};
}

[[nodiscard]] json::object json_of(const session_report& s) {
    json::array openings;
    for (const auto& o : s.openings) openings.push_back(json_of(o));
    return {{"id", s.id},
            {"client", s.client.text()},
            {"client_destination", s.client_destination.text()},
            {"user", or_null(escape(s.user, max_shown_path))},
            {"logged_in", s.logged_in},
            {"backend", or_null(s.backend)},
            {"intercepted", s.intercepted},
            {"client_tls", or_null(s.client_tls)},
            {"backend_tls", or_null(s.backend_tls)},
            {"age_seconds", seconds(s.age)},
            {"idle_seconds", seconds(s.idle)},
            {"advertised", or_null(s.advertised ? s.advertised->text() : std::string())},
            {"transfer", s.transfer ? json::value(json_of(*s.transfer)) : json::value()},
            {"openings", std::move(openings)}};
}

[[nodiscard]] json::object json_of(const mapping_snapshot& m) {
    return {{"local_port", m.local_port},
            {"family", m.is_v6 ? "ipv6" : "ipv4"},
            {"external", or_null(m.external ? m.external->text() : std::string())},
            {"by", or_null(m.by)},
            {"remaining_seconds", m.external ? json::value(m.remaining.count()) : json::value()},
            {"error", or_null(m.error)}};
}

[[nodiscard]] json::object json_of(const confinement_snapshot& c) {
    json::array missing;
    for (const auto& reason : c.missing) missing.push_back(json::value(reason));
    return {{"user", or_null(c.user)},
            {"landlock", c.landlock},
            {"tcp_ports", c.ports},
            {"system_calls", c.system_calls},
            {"missing", std::move(missing)}};
}

}  // namespace

json::object status_json(const daemon_snapshot& daemon) {
    json::array listening;
    for (const auto& e : daemon.listening) listening.push_back(json::value(e.text()));
    json::array sessions;
    for (const auto& s : daemon.sessions.sessions) sessions.push_back(json_of(s));
    json::array penalties;
    for (const auto& p : daemon.penalties)
        penalties.push_back({{"source", source_text(p.source)}, {"remaining_seconds", p.remaining.count()}});
    json::array failed_data;
    for (const auto& f : daemon.failed_data)
        failed_data.push_back({{"id", f.id},
                               {"side", f.side},
                               {"leg", f.on_backend_leg ? "backend" : "client"},
                               {"network", f.network},
                               {"count", f.count},
                               {"age_seconds", f.age.count()}});
    json::array mappings;
    for (const auto& m : daemon.mappings) mappings.push_back(json_of(m));
    using enum counter_kind;
    auto totals = counts_of(daemon.counted, {gauge, total});
    totals["log_lines_lost"] = daemon.log_lines_lost;
    json::object out{{"name", daemon.name},
                     {"version", SALLYPORT_VERSION},
                     {"pid", daemon.pid},
                     {"uptime_seconds", daemon.uptime.count()},
                     {"draining", daemon.draining},
                     {"ready", daemon.ready},
                     {"listening", std::move(listening)},
                     {"confinement", json_of(daemon.confinement)},
                     {"port_mappings", std::move(mappings)},
                     {"totals", std::move(totals)},
                     {"rejected", counts_of(daemon.counted, {rejected})},
                     {"openings_refused", counts_of(daemon.counted, {refused_opening})},
                     {"passive_ports", json_of(daemon.passive_ports)},
                     {"certificate_remaining_seconds",
                      daemon.certificate_remaining ? json::value(daemon.certificate_remaining->count()) : json::value()},
                     {"failed_data_connections", std::move(failed_data)}};
    if (daemon.backends) {
        out["backends"] = json_of(*daemon.backends);
        out["queued"] = daemon.backends->queued;
    }
    out["login_penalties"] = std::move(penalties);
    out["complete"] = daemon.sessions.complete;
    out["sessions"] = std::move(sessions);
    return out;
}

}  // namespace sallyport::status
