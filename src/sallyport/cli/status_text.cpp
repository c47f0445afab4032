#include <sallyport/cli/status_text.hpp>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <boost/json/array.hpp>

#include <sallyport/cli/status_values.hpp>
#include <sallyport/status/counters.hpp>

namespace sallyport::cli {
namespace {

namespace json = boost::json;

/// Each column is as wide as its widest cell, except the last one.
class table {
public:
    table(std::string title, std::vector<std::string> head) : title_(std::move(title)), rows_{std::move(head)} {}
    void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

    [[nodiscard]] std::string text(std::size_t limit) const {
        const std::size_t all = rows_.size() - 1;
        if (all == 0) return {};
        const std::size_t shown = limit == 0 ? all : std::min(limit, all);
        std::vector<std::size_t> widths(rows_.front().size());
        for (std::size_t r = 0; r <= shown; ++r)
            for (std::size_t c = 0; c < widths.size(); ++c) widths[c] = std::max(widths[c], rows_[r][c].size());
        std::string out = fmt::format("\n{} ({})\n", title_, all);
        for (std::size_t r = 0; r <= shown; ++r) {
            std::string line;
            for (std::size_t c = 0; c < widths.size(); ++c)
                line += fmt::format("{:<{}}", rows_[r][c], c + 1 < widths.size() ? widths[c] + 2 : 0);
            line.erase(line.find_last_not_of(' ') + 1);
            out += "  " + line + '\n';
        }
        if (shown < all) out += fmt::format("  ... and {} more; --limit 0 shows all\n", all - shown);
        return out;
    }

private:
    std::string title_;
    std::vector<std::vector<std::string>> rows_;
};

[[nodiscard]] std::string head_text(const json::object& s) {
    std::string listening;
    for (const auto& e : s.at("listening").get_array()) listening += (listening.empty() ? "" : ", ") + words(e);
    const auto& t = s.at("totals").get_object();
    auto out = fmt::format("{} {}, process {}, up {}{}\n", words(s.at("name")), words(s.at("version")), count(s.at("pid")),
                           span_text(s.at("uptime_seconds")),
                           s.at("draining").get_bool()
                               ? ", draining; the new process accepts new sessions"
                               : ", listening on " + (listening.empty() ? "intercepted connections" : listening));
    out += fmt::format("{}, {} in total; {} running, {} complete, {} failed; {} sent, {} received\n",
                       status::with_plural(count(t.at("sessions")), "session"), count(t.at("sessions_total")),
                       status::with_plural(count(t.at("transfers")), "transfer"), count(t.at("transfers_complete")),
                       count(t.at("transfers_failed")), status::format_bytes(count(t.at("bytes_sent"))),
                       status::format_bytes(count(t.at("bytes_received"))));
    if (const auto lost = count(t.at("log_lines_lost")); lost != 0)
        out += fmt::format("{} lost: the disk or the reader of the log is too slow, or the disk is full\n",
                           status::with_plural(lost, "log line"));
    if (const auto stalls = count(t.at("loop_stalls")); stalls != 0)
        out += fmt::format("{} of an event loop for 5 s or more; the log has the session and command of each\n",
                           status::with_plural(stalls, "stall"));
    if (!s.at("ready").get_bool() && !s.at("draining").get_bool())
        out += "Not ready: load balancers are to send no new clients ('ready' ends that after 'drain').\n";
    if (!s.at("complete").get_bool()) out += "One event loop did not answer in time; the lists below are incomplete.\n";
    return out;
}

[[nodiscard]] std::string rejected_text(const json::object& rejected) {
    std::string out;
    for (const auto& row : status::counter_table()) {
        if (row.kind != status::counter_kind::rejected) continue;
        const auto n = count(rejected.at(row.name));
        if (n != 0) out += fmt::format("{}{}", out.empty() ? "" : ", ", status::count_text(row, n));
    }
    return fmt::format("Rejected: {}\n", out.empty() ? "none" : out);
}

[[nodiscard]] std::string backends_text(const json::object& s) {
    const auto* list = s.if_contains("backends");
    if (list == nullptr) return {};
    table out("Backends",
              {"NAME", "STATE", "HEALTH", "SINCE", "WEIGHT", "EFF. WEIGHT", "SESSIONS", "TOTAL", "RESPONSE", "REASON"});
    for (const auto& v : list->get_array()) {
        const auto& b = v.get_object();
        const auto max = count(b.at("sessions_max"));
        const auto here = count(b.at("sessions"));
        const auto weight = count(b.at("weight"));
        const auto& response = b.at("response_seconds");
        out.add({words(b.at("name")), words(b.at("state")), words(b.at("health")), span_text(b.at("since_seconds")),
                 std::to_string(weight), fmt::format("{:.3g}", static_cast<double>(weight) * number(b.at("weight_factor"))),
                 max == 0 ? std::to_string(here) : fmt::format("{} of {}", here, max),
                 std::to_string(count(b.at("sessions_total"))),
                 response.is_number() ? fmt::format("{:.0f} ms", number(response) * 1000) : "-", words(b.at("reason"))});
    }
    auto text = out.text(0);
    if (const auto queued = count(s.at("queued")); queued != 0)
        text += fmt::format("  {} queued\n", status::with_plural(queued, "session"));
    return text;
}

[[nodiscard]] std::string mappings_text(const json::object& s) {
    table out("Port mappings at the router", {"PORT", "FAMILY", "EXTERNAL", "PROTOCOL", "REMAINING", "LAST ERROR"});
    const auto* const all = s.if_contains("port_mappings");
    if (all == nullptr) return {};
    for (const auto& v : all->get_array()) {
        const auto& m = v.get_object();
        const bool forwarded = m.at("external").is_string();
        out.add({std::to_string(count(m.at("local_port"))), words(m.at("family")), words(m.at("external")),
                 words(m.at("by")), forwarded ? span_text(m.at("remaining_seconds")) : "-", words(m.at("error"))});
    }
    return out.text(0);
}

/// The causes are explained by 'sallyport doctor --explain'.
[[nodiscard]] std::string failed_data_text(const json::object& s, std::size_t limit) {
    table out("Failed data connections", {"CAUSE", "LEG", "NETWORK", "COUNT", "LAST"});
    const auto* const all = s.if_contains("failed_data_connections");
    if (all == nullptr) return {};
    for (const auto& v : all->get_array()) {
        const auto& f = v.get_object();
        out.add({words(f.at("id")), words(f.at("leg")), words(f.at("network")), std::to_string(count(f.at("count"))),
                 span_text(f.at("age_seconds")) + " ago"});
    }
    return out.text(limit);
}

[[nodiscard]] std::string penalties_text(const json::object& s, std::size_t limit) {
    table out("Login penalties", {"SOURCE", "REMAINING"});
    const auto& all = s.at("login_penalties").get_array();
    if (all.empty()) return "\nNo address has a login penalty.\n";
    for (const auto& v : all) {
        const auto& p = v.get_object();
        out.add({words(p.at("source")), span_text(p.at("remaining_seconds"))});
    }
    return out.text(limit);
}

/// "relay (rate_limit)"
[[nodiscard]] std::string data_path_text(const json::object& transfer) {
    const auto& reason = transfer.at("data_path_reason");
    return words(transfer.at("data_path")) + (reason.is_string() ? fmt::format(" ({})", words(reason)) : "");
}

[[nodiscard]] std::string tls_text(const json::value& version) { return version.is_string() ? words(version) : "plain"; }

/// "EPSV", and at a gateway "EPSV/PASV".
[[nodiscard]] std::string methods_text(const json::object& transfer) {
    const auto& backend = transfer.at("backend_method");
    return words(transfer.at("client_method")) + (backend.is_string() ? "/" + words(backend) : "");
}

}  // namespace

std::string status_text(const json::object& status, const status_selection& what) {
    const bool gateway = status.contains("backends");
    std::vector<std::string> head{"SESSION", "USER", "CLIENT", "VERB", "BYTES", "RATE", "AGE", "METHODS"};
    if (gateway) head.emplace_back("DATA PATH");
    head.emplace_back("PATH");
    table transfers("Transfers", std::move(head));
    table openings("Openings", {"SESSION", "PORT", "PEER", "LEG", "EXPIRES", gateway ? "FORWARDED TO" : ""});
    table sessions("Sessions", {"SESSION", "USER", "CLIENT", "AGE", "IDLE", gateway ? "TLS (CLIENT / BACKEND)" : "TLS",
                                gateway ? "BACKEND" : ""});
    for (const auto& v : status.at("sessions").get_array()) {
        const auto& s = v.get_object();
        const auto id = words(s.at("id"));
        const auto user = words(s.at("user"));
        const auto client = words(s.at("client"));
        if (const auto* t = s.at("transfer").if_object()) {
            const bool counted = !t->at("bytes").is_null();
            const auto rate = static_cast<std::uint64_t>(number(t->at("bytes_per_second")));
            std::vector<std::string> row{id,
                                         user,
                                         client,
                                         words(t->at("verb")),
                                         counted ? status::format_bytes(count(t->at("bytes"))) : words(t->at("data_path")),
                                         counted ? status::format_bytes(rate) + "/s" : "",
                                         span_text(t->at("age_seconds")),
                                         methods_text(*t)};
            if (gateway) row.push_back(data_path_text(*t));
            row.push_back(words(t->at("path")));
            transfers.add(std::move(row));
        }
        for (const auto& w : s.at("openings").get_array()) {
            const auto& o = w.get_object();
            const auto& expires = o.at("expires_in_seconds");
            const auto& forwarded_to = o.at("forwarded_to");
            openings.add({id, std::to_string(count(o.at("port"))), words(o.at("peer")), words(o.at("leg")),
                          expires.is_null() ? "until used" : span_text(expires),
                          forwarded_to.is_null() && !gateway ? "" : words(forwarded_to)});
        }
        const auto tls = tls_text(s.at("client_tls"));
        sessions.add({id, user + (s.at("logged_in").get_bool() ? "" : " (no login)"), client, span_text(s.at("age_seconds")),
                      s.at("transfer").is_null() ? span_text(s.at("idle_seconds")) : "busy",
                      gateway ? tls + " / " + tls_text(s.at("backend_tls")) : tls,
                      gateway ? words(s.at("backend")) + (s.at("intercepted").get_bool() ? " (intercepted)" : "") : ""});
    }
    auto out = head_text(status) + rejected_text(status.at("rejected").get_object()) + backends_text(status);
    out += mappings_text(status) + failed_data_text(status, what.limit);
    out += transfers.text(what.limit) + openings.text(what.limit);
    if (what.sessions) out += sessions.text(what.limit);
    if (what.penalties) out += penalties_text(status, what.limit);
    return out;
}

}  // namespace sallyport::cli
