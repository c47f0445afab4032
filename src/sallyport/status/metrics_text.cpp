#include <sallyport/status/metrics_text.hpp>

#include <cstdint>
#include <iterator>
#include <map>
#include <string_view>

#include <fmt/format.h>

#include <sallyport/base/escape.hpp>

namespace sallyport::status {
namespace {

/// The value of a label, in which the format escapes backslashes and quotation marks.
[[nodiscard]] std::string label_text(std::string_view text) {
    std::string out;
    for (const char c : escape(text, 200)) {
        if (c == '\\' || c == '"') out += '\\';
        out += c;
    }
    return out;
}

class metrics {
public:
    /// Begins a metric.
    void add(std::string_view name, std::string_view help, std::string_view type) {
        name_ = name;
        fmt::format_to(std::back_inserter(out_), "# HELP sallyport_{0} {1}\n# TYPE sallyport_{0} {2}\n", name, help, type);
    }
    void put(auto value) { fmt::format_to(std::back_inserter(out_), "sallyport_{} {}\n", name_, value); }
    void put(std::string_view label, std::string_view text, auto value) {
        fmt::format_to(std::back_inserter(out_), "sallyport_{}{{{}=\"{}\"}} {}\n", name_, label, label_text(text), value);
    }
    [[nodiscard]] std::string text() && { return std::move(out_); }

private:
    std::string name_;
    std::string out_;
};

void add_counters(metrics& out, const counter_snapshot& counted) {
    for (const auto& row : counter_table()) {
        if (row.kind == counter_kind::rejected) continue;
        const bool is_gauge = row.kind == counter_kind::gauge;
        const bool ends_so = is_gauge || row.name.ends_with("_total");
        out.add(ends_so ? std::string(row.name) : fmt::format("{}_total", row.name), row.help,
                is_gauge ? "gauge" : "counter");
        out.put(counted.*row.value);
    }
    out.add("rejected_total", "What was rejected, refused or not established, by reason.", "counter");
    for (const auto& row : counter_table())
        if (row.kind == counter_kind::rejected) out.put("reason", row.name, counted.*row.value);
}

void add_failed_data(metrics& out, const std::map<std::string, std::uint64_t>& by_cause) {
    out.add("failed_data_connections_total", "Data connections that failed, by the id of the cause (doctor --explain).",
            "counter");
    for (const auto& [cause, count] : by_cause) out.put("cause", cause, count);
}

void add_backends(metrics& out, const pool_snapshot& pool) {
    const auto each = [&](std::string_view name, std::string_view help, std::string_view type, auto value_of) {
        out.add(name, help, type);
        for (const auto& backend : pool.backends) out.put("backend", backend.name, value_of(backend));
    };
    each("backend_up", "1 if the backend is up, otherwise 0.", "gauge",
         [](const backend_snapshot& b) { return b.health == "up" ? 1 : 0; });
    each("backend_sessions", "Sessions of the backend that are open now.", "gauge",
         [](const backend_snapshot& b) { return b.sessions; });
    each("backend_sessions_total", "Sessions of the backend since the start.", "counter",
         [](const backend_snapshot& b) { return b.sessions_total; });
    each("backend_response_seconds", "Mean time until the backend's greeting; 0 if none was measured.", "gauge",
         [](const backend_snapshot& b) { return b.response.value_or(std::chrono::duration<double>()).count(); });
    out.add("queued_sessions", "Sessions that wait for a backend.", "gauge");
    out.put(pool.queued);
}

void add_mappings(metrics& out, const std::vector<mapping_snapshot>& mappings) {
    std::size_t forwarded = 0;
    for (const auto& each : mappings) forwarded += each.external ? 1U : 0U;
    out.add("port_mappings", "Ports that the router is asked to forward (--map), by whether it does.", "gauge");
    out.put("state", "forwarded", forwarded);
    out.put("state", "failed", mappings.size() - forwarded);
}

}  // namespace

std::string metrics_text(const daemon_snapshot& daemon) {
    metrics out;
    out.add("build_info", "1; the label is the version.", "gauge");
    out.put("version", SALLYPORT_VERSION, 1);
    out.add("uptime_seconds", "Seconds since the start of this process.", "gauge");
    out.put(daemon.uptime.count());
    out.add("draining", "1 if a new process has taken over, and this one waits for its last sessions.", "gauge");
    out.put(daemon.draining ? 1 : 0);
    out.add("log_lines_lost_total", "Lines of the log that were not written.", "counter");
    out.put(daemon.log_lines_lost);
    add_counters(out, daemon.counted);
    add_failed_data(out, daemon.failed_data_totals);
    if (!daemon.mappings.empty()) add_mappings(out, daemon.mappings);
    if (daemon.backends) add_backends(out, *daemon.backends);
    return std::move(out).text();
}

}  // namespace sallyport::status
