#include <sallyport/status/counters.hpp>

#include <array>

#include <fmt/format.h>

namespace sallyport::status {
namespace {

std::uint64_t value(const counters::counter& c) { return c.load(std::memory_order_relaxed); }

std::string plural(std::uint64_t n, const char* one) { return fmt::format("{} {}{}", n, one, n == 1 ? "" : "s"); }

}  // namespace

snapshot counters::take() const {
    return {
        .sessions_open = value(sessions_open),
        .sessions_total = value(sessions_total),
        .logins_refused = value(logins_refused),
        .transfers_running = value(transfers_running),
        .transfers_complete = value(transfers_complete),
        .transfers_failed = value(transfers_failed),
        .bytes_received = value(bytes_received),
        .bytes_sent = value(bytes_sent),
        .strangers_refused = value(strangers_refused),
        .data_never_came = value(data_never_came),
        .active_connects_failed = value(active_connects_failed),
        .ports_exhausted = value(ports_exhausted),
        .targets_refused = value(targets_refused),
        .turned_away_full = value(turned_away_full),
        .turned_away_address = value(turned_away_address),
        .turned_away_penalised = value(turned_away_penalised),
        .turned_away_no_backend = value(turned_away_no_backend),
    };
}

std::string snapshot::line() const {
    std::string out =
        fmt::format("{}, {} running, {} done, {} failed, {} sent, {} received", plural(sessions_open, "session"),
                    plural(transfers_running, "transfer"), transfers_complete, transfers_failed, format_bytes(bytes_sent),
                    format_bytes(bytes_received));
    if (strangers_refused != 0) out += fmt::format(", {} refused", plural(strangers_refused, "stranger"));
    if (data_never_came != 0) out += fmt::format(", {} never came", plural(data_never_came, "data connection"));
    if (active_connects_failed != 0) out += fmt::format(", {} failed", plural(active_connects_failed, "active connection"));
    if (ports_exhausted != 0) out += fmt::format(", {} without a port", plural(ports_exhausted, "negotiation"));
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
