#include <sallyport/status/counters.hpp>

#include <array>

#include <fmt/format.h>

namespace sallyport::status {
namespace {

using enum counter_kind;

constexpr auto table = std::to_array<counter_row>({
    {"sessions", "Sessions that are open now.", gauge, "session", "sessions", &counter_snapshot::sessions_open,
     &counters::sessions_open},
    {"sessions_total", "Sessions since the start.", total, "session in total", "sessions in total",
     &counter_snapshot::sessions_total, &counters::sessions_total},
    {"transfers", "Transfers that are running now.", gauge, "transfer running", "transfers running",
     &counter_snapshot::transfers_running, &counters::transfers_running},
    {"transfers_complete", "Transfers that were completed.", total, "complete transfer", "complete transfers",
     &counter_snapshot::transfers_complete, &counters::transfers_complete},
    {"transfers_failed", "Transfers that were interrupted or failed.", total, "failed transfer", "failed transfers",
     &counter_snapshot::transfers_failed, &counters::transfers_failed},
    {"bytes_received", "Bytes of data received from clients.", total, "byte received", "bytes received",
     &counter_snapshot::bytes_received, &counters::bytes_received},
    {"bytes_sent", "Bytes of data sent to clients.", total, "byte sent", "bytes sent", &counter_snapshot::bytes_sent,
     &counters::bytes_sent},
    {"loop_stalls", "Times that an event loop did not run for 5 seconds (--watchdog).", total, "stalled event loop",
     "stalled event loops", &counter_snapshot::loop_stalls, &counters::loop_stalls},
    {"openings_expected", "Data connections that were expected from clients and from backends.", total,
     "expected data connection", "expected data connections", &counter_snapshot::openings_expected,
     &counters::openings_expected},
    {"openings_used", "Expected data connections that arrived.", total, "used opening", "used openings",
     &counter_snapshot::openings_used, &counters::openings_used},
    {"openings_expired", "Expected data connections that did not arrive before the timeout, or while they were needed.",
     total, "expired opening", "expired openings", &counter_snapshot::openings_expired, &counters::openings_expired},
    {"data_tls_handshakes", "TLS handshakes with clients on data connections.", total, "TLS handshake of a data connection",
     "TLS handshakes of data connections", &counter_snapshot::data_tls_handshakes, &counters::data_tls_handshakes},
    {"data_tls_resumed", "TLS handshakes with clients on data connections that resumed a TLS session.", total,
     "resumed TLS session", "resumed TLS sessions", &counter_snapshot::data_tls_resumed, &counters::data_tls_resumed},
    {"no_port", "Passive ports that could not be reserved, as none was free.", refused_opening,
     "opening without a free passive port", "openings without a free passive port",
     &counter_snapshot::openings_refused_no_port, &counters::openings_refused_no_port},
    {"single_port", "Data connections that single-port mode could not distinguish from others.", refused_opening,
     "opening refused by single-port mode", "openings refused by single-port mode",
     &counter_snapshot::openings_refused_single_port, &counters::openings_refused_single_port},
    {"no_address", "PASV without an IPv4 address to advertise.", refused_opening, "opening without an address",
     "openings without an address", &counter_snapshot::openings_refused_no_address, &counters::openings_refused_no_address},
    {"kernel", "Data connections for which the kernel made no opening.", refused_opening, "opening refused by the kernel",
     "openings refused by the kernel", &counter_snapshot::openings_refused_kernel, &counters::openings_refused_kernel},
    {"max_sessions",
     "Connections rejected because the maximum number of sessions, or of new sessions per second, was reached.", rejected,
     "connection over the session limit", "connections over the session limit", &counter_snapshot::rejected_max_sessions,
     &counters::rejected_max_sessions},
    {"max_sessions_before_login", "Connections rejected because too many sessions have not logged in.", rejected,
     "connection over the limit of sessions before login", "connections over the limit of sessions before login",
     &counter_snapshot::rejected_max_sessions_before_login, &counters::rejected_max_sessions_before_login},
    {"max_sessions_per_address",
     "Connections rejected because their address had reached its maximum number of sessions, or of new sessions per second.",
     rejected, "connection over the session limit of its address", "connections over the session limit of their address",
     &counter_snapshot::rejected_max_sessions_per_address, &counters::rejected_max_sessions_per_address},
    {"login_penalty", "Connections rejected because of earlier failed logins of their address.", rejected,
     "connection during a login penalty", "connections during a login penalty", &counter_snapshot::rejected_login_penalty,
     &counters::rejected_login_penalty},
    {"login_queue", "Logins rejected because too many passwords were waiting to be checked.", rejected,
     "login over the limit of waiting passwords", "logins over the limit of waiting passwords",
     &counter_snapshot::rejected_login_queue, &counters::rejected_login_queue},
    {"no_backend", "Sessions for which no backend was available.", rejected, "session without a backend",
     "sessions without a backend", &counter_snapshot::rejected_no_backend, &counters::rejected_no_backend},
    {"login_failed", "Logins that were refused.", rejected, "failed login", "failed logins",
     &counter_snapshot::logins_refused, &counters::logins_refused},
    {"bounce_attempt", "PORT and EPRT commands that named another host, or a port below 1024.", rejected, "bounce attempt",
     "bounce attempts", &counter_snapshot::bounce_attempts, &counters::bounce_attempts},
    {"unexpected_peer", "Data connections from unexpected peers.", rejected, "unexpected peer", "unexpected peers",
     &counter_snapshot::unexpected_peers, &counters::unexpected_peers},
    {"data_timeout", "Passive ports to which no client connected before the timeout.", rejected, "data timeout",
     "data timeouts", &counter_snapshot::data_timeouts, &counters::data_timeouts},
    {"active_connect_failed", "Data connections to clients (PORT, EPRT) that could not be established.", rejected,
     "failed active data connection", "failed active data connections", &counter_snapshot::active_connects_failed,
     &counters::active_connects_failed},
    {"ports_exhausted", "Requests for a passive port for which none was free.", rejected,
     "request without a free passive port", "requests without a free passive port", &counter_snapshot::ports_exhausted,
     &counters::ports_exhausted},
});

}  // namespace

std::span<const counter_row> counter_table() noexcept { return table; }

std::string with_plural(std::uint64_t n, std::string_view one) { return fmt::format("{} {}{}", n, one, n == 1 ? "" : "s"); }

std::string count_text(const counter_row& row, std::uint64_t n) {
    return fmt::format("{} {}", n, n == 1 ? row.singular : row.plural);
}

counter_snapshot counters::read() const {
    counter_snapshot out;
    for (const auto& row : table) out.*row.value = (this->*row.live).load(std::memory_order_relaxed);
    out.times = {.downloads = times.downloads.read(),
                 .uploads = times.uploads.read(),
                 .listings = times.listings.read(),
                 .data_connections = times.data_connections.read()};
    return out;
}

std::string counter_snapshot::line() const {
    std::string out =
        fmt::format("{}, {} running, {} complete, {} failed, {} sent, {} received", with_plural(sessions_open, "session"),
                    with_plural(transfers_running, "transfer"), transfers_complete, transfers_failed,
                    format_bytes(bytes_sent), format_bytes(bytes_received));
    for (const auto& row : table) {
        const auto n = this->*row.value;
        if (row.kind == rejected && n != 0) out += fmt::format(", {}", count_text(row, n));
    }
    return out;
}

std::string format_bytes(std::uint64_t bytes) {
    constexpr std::array units{"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    if (bytes < 1024) return fmt::format("{} B", bytes);
    double value = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (value >= 1024 && unit + 1 < units.size()) {
        value /= 1024;
        ++unit;
    }
    return fmt::format("{:.1f} {}", value, units[unit]);
}

}  // namespace sallyport::status
