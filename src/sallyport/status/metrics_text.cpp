#include <sallyport/status/metrics_text.hpp>

#include <chrono>
#include <cstddef>
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
    /// One series of a histogram. `labels`: "kind=\"upload\"", or empty.
    void put(std::string_view labels, const duration_snapshot& times) {
        const std::string_view comma = labels.empty() ? "" : ",";
        std::uint64_t count = 0;
        for (std::size_t i = 0; i < times.counts.size(); ++i) {
            count += times.counts[i];
            const auto limit = i < duration_steps.size()
                                   ? fmt::format("{}", std::chrono::duration<double>(duration_steps[i]).count())
                                   : std::string("+Inf");
            fmt::format_to(std::back_inserter(out_), "sallyport_{}_bucket{{{}{}le=\"{}\"}} {}\n", name_, labels, comma,
                           limit, count);
        }
        const auto braced = labels.empty() ? std::string() : fmt::format("{{{}}}", labels);
        fmt::format_to(std::back_inserter(out_), "sallyport_{0}_sum{1} {2}.{3:06}\nsallyport_{0}_count{1} {4}\n", name_,
                       braced, times.microseconds / 1'000'000, times.microseconds % 1'000'000, count);
    }
    [[nodiscard]] std::string text() && { return std::move(out_); }

private:
    std::string name_;
    std::string out_;
};

void add_counters(metrics& out, const counter_snapshot& counted) {
    for (const auto& row : counter_table()) {
        if (row.kind == counter_kind::rejected || row.kind == counter_kind::refused_opening) continue;
        const bool is_gauge = row.kind == counter_kind::gauge;
        const bool ends_so = is_gauge || row.name.ends_with("_total");
        out.add(ends_so ? std::string(row.name) : fmt::format("{}_total", row.name), row.help,
                is_gauge ? "gauge" : "counter");
        out.put(counted.*row.value);
    }
    out.add("rejected_total", "What was rejected, refused or not established, by reason.", "counter");
    for (const auto& row : counter_table())
        if (row.kind == counter_kind::rejected) out.put("reason", row.name, counted.*row.value);
    out.add("openings_refused_total", "Data connections for which nothing could be opened, by reason.", "counter");
    for (const auto& row : counter_table())
        if (row.kind == counter_kind::refused_opening) out.put("reason", row.name, counted.*row.value);
}

void add_times(metrics& out, const measured_times<duration_snapshot>& times) {
    out.add("transfer_seconds", "Time from the start of a transfer to its end, complete or not.", "histogram");
    out.put("kind=\"download\"", times.downloads);
    out.put("kind=\"upload\"", times.uploads);
    out.put("kind=\"listing\"", times.listings);
    out.add("data_connection_seconds",
            "Time from the reply to PASV or EPSV until the data connection of the client arrived.", "histogram");
    out.put("", times.data_connections);
}

void add_gauge(metrics& out, std::string_view name, std::string_view help, auto value) {
    out.add(name, help, "gauge");
    out.put(value);
}

void add_passive_ports(metrics& out, const passive_ports_snapshot& ports) {
    add_gauge(out, "passive_ports", "Passive ports that may be used (--passive-ports).", ports.usable);
    add_gauge(out, "passive_ports_in_use", "Passive ports that are reserved for at least one client.", ports.in_use);
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
    add_gauge(out, "uptime_seconds", "Seconds since the start of this process.", daemon.uptime.count());
    add_gauge(out, "draining", "1 if a new process has taken over, and this one waits for its last sessions.",
              daemon.draining ? 1 : 0);
    add_gauge(out, "ready", "1 if new sessions are wanted here: /readyz is 200.", daemon.ready ? 1 : 0);
    out.add("log_lines_lost_total", "Lines of the log that were not written.", "counter");
    out.put(daemon.log_lines_lost);
    add_counters(out, daemon.counted);
    add_times(out, daemon.counted.times);
    if (daemon.passive_ports) add_passive_ports(out, *daemon.passive_ports);
    if (daemon.certificate_remaining)
        add_gauge(out, "certificate_remaining_seconds", "Seconds until the first of the server's certificates expires.",
                  daemon.certificate_remaining->count());
    add_failed_data(out, daemon.failed_data_totals);
    if (!daemon.mappings.empty()) add_mappings(out, daemon.mappings);
    if (daemon.backends) add_backends(out, *daemon.backends);
    return std::move(out).text();
}

}  // namespace sallyport::status
