#pragma once
// The counters of a daemon, a snapshot of them, and a table that describes each counter for status, metrics and texts.
//
// Counters are wait-free; any thread. They are owned by the daemon and outlive all sessions; a snapshot is a value.

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <sallyport/status/durations.hpp>

namespace sallyport::status {

/// Times of transfers, and of the establishment of data connections with clients.
template <class Durations>
struct measured_times {
    Durations downloads{};
    Durations uploads{};
    Durations listings{};
    // From the reply to PASV or EPSV until the client's connection arrived.
    Durations data_connections{};
};

struct counter_snapshot {
    std::uint64_t sessions_open = 0;
    std::uint64_t sessions_total = 0;
    std::uint64_t logins_refused = 0;
    std::uint64_t transfers_running = 0;
    std::uint64_t transfers_complete = 0;
    std::uint64_t transfers_failed = 0;
    std::uint64_t bytes_received = 0;
    std::uint64_t bytes_sent = 0;
    std::uint64_t loop_stalls = 0;
    std::uint64_t openings_expected = 0;
    std::uint64_t openings_used = 0;
    std::uint64_t openings_expired = 0;
    std::uint64_t data_tls_handshakes = 0;
    std::uint64_t data_tls_resumed = 0;
    std::uint64_t openings_refused_no_port = 0;
    std::uint64_t openings_refused_single_port = 0;
    std::uint64_t openings_refused_no_address = 0;
    std::uint64_t openings_refused_kernel = 0;
    std::uint64_t unexpected_peers = 0;
    std::uint64_t data_timeouts = 0;
    std::uint64_t active_connects_failed = 0;
    std::uint64_t ports_exhausted = 0;
    std::uint64_t bounce_attempts = 0;
    std::uint64_t rejected_max_sessions = 0;
    std::uint64_t rejected_max_sessions_before_login = 0;
    std::uint64_t rejected_max_sessions_per_address = 0;
    std::uint64_t rejected_login_penalty = 0;
    std::uint64_t rejected_login_queue = 0;
    std::uint64_t rejected_no_backend = 0;
    measured_times<duration_snapshot> times;

    /// One line for a terminal: "3 sessions, 1 transfer running, 2 complete, ..., 1 bounce attempt".
    [[nodiscard]] std::string line() const;
};

struct counters {
    using counter = std::atomic<std::uint64_t>;
    counter sessions_open{0};
    counter sessions_total{0};
    counter logins_refused{0};
    counter transfers_running{0};
    counter transfers_complete{0};
    counter transfers_failed{0};
    counter bytes_received{0};
    counter bytes_sent{0};
    counter loop_stalls{0};
    counter openings_expected{0};
    counter openings_used{0};
    counter openings_expired{0};
    counter data_tls_handshakes{0};
    counter data_tls_resumed{0};
    counter openings_refused_no_port{0};
    counter openings_refused_single_port{0};
    counter openings_refused_no_address{0};
    counter openings_refused_kernel{0};
    counter unexpected_peers{0};
    counter data_timeouts{0};
    counter active_connects_failed{0};
    counter ports_exhausted{0};
    counter bounce_attempts{0};
    counter rejected_max_sessions{0};
    counter rejected_max_sessions_before_login{0};
    counter rejected_max_sessions_per_address{0};
    counter rejected_login_penalty{0};
    counter rejected_login_queue{0};
    counter rejected_no_backend{0};
    measured_times<duration_counts> times;

    [[nodiscard]] counter_snapshot read() const;
};

inline void count(counters::counter& c, std::uint64_t by = 1) { c.fetch_add(by, std::memory_order_relaxed); }
inline void uncount(counters::counter& c) { c.fetch_sub(1, std::memory_order_relaxed); }

enum class counter_kind : std::uint8_t {
    // A current number.
    gauge,
    // A sum since the start of the process.
    total,
    // A sum since the start of the process of what was rejected, refused or not established.
    rejected,
    // A sum since the start of the process of data connections for which nothing was opened, by the reason.
    refused_opening,
};

/// The description of one counter.
struct counter_row {
    // The key in JSON, and the end of the metric's name.
    std::string_view name;
    // One sentence.
    std::string_view help;
    counter_kind kind;
    // The counted object in texts: "unexpected peer".
    std::string_view singular;
    // The plural: "unexpected peers".
    std::string_view plural;
    std::uint64_t counter_snapshot::* value;
    counters::counter counters::* live;
};

/// One row for each counter.
[[nodiscard]] std::span<const counter_row> counter_table() noexcept;

/// "1 session", "2 sessions"; for nouns that take an "s".
[[nodiscard]] std::string with_plural(std::uint64_t n, std::string_view one);

/// For example "1 unexpected peer" or "3 unexpected peers".
[[nodiscard]] std::string count_text(const counter_row& row, std::uint64_t n);

/// For example "512 B" or "12.4 MiB".
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);

}  // namespace sallyport::status
