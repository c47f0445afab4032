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

/// Sessions, transfers and event loops. `Number`: a value, or one that any thread may change.
template <class Number>
struct activity_counts {
    Number sessions_open{};
    Number sessions_total{};
    Number transfers_running{};
    Number transfers_complete{};
    Number transfers_failed{};
    Number bytes_received{};
    Number bytes_sent{};
    Number data_tls_handshakes{};
    Number data_tls_resumed{};
    Number loop_stalls{};
};

/// Data connections that are expected, and why nothing could be opened for one.
template <class Number>
struct opening_counts {
    Number openings_expected{};
    Number openings_used{};
    Number openings_expired{};
    Number openings_refused_no_port{};
    Number openings_refused_single_port{};
    Number openings_refused_no_address{};
    Number openings_refused_kernel{};
};

/// What was rejected, refused or not established.
template <class Number>
struct rejection_counts {
    Number logins_refused{};
    Number unexpected_peers{};
    Number data_timeouts{};
    Number active_connects_failed{};
    Number ports_exhausted{};
    Number bounce_attempts{};
    Number rejected_max_sessions{};
    Number rejected_max_sessions_before_login{};
    Number rejected_max_sessions_per_address{};
    Number rejected_login_penalty{};
    Number rejected_login_queue{};
    Number rejected_no_backend{};
};

struct counter_snapshot : activity_counts<std::uint64_t>, opening_counts<std::uint64_t>, rejection_counts<std::uint64_t> {
    measured_times<duration_snapshot> times;

    /// One line for a terminal: "3 sessions, 1 transfer running, 2 complete, ..., 1 bounce attempt".
    [[nodiscard]] std::string line() const;
};

using counter = std::atomic<std::uint64_t>;

struct counters : activity_counts<counter>, opening_counts<counter>, rejection_counts<counter> {
    measured_times<duration_counts> times;

    [[nodiscard]] counter_snapshot read() const;
};

inline void count(counter& c, std::uint64_t by = 1) { c.fetch_add(by, std::memory_order_relaxed); }
inline void uncount(counter& c) { c.fetch_sub(1, std::memory_order_relaxed); }

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
    counter counters::* live;
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
