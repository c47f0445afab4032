#pragma once
// What a daemon counts, a plain copy of it, and the one table that says of each count what it is: status, metrics and texts
// read that table. Counting is wait-free from any loop.
// Owned by the daemon, and outlives all that count; a snapshot is a value of its own.

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sallyport::status {

struct snapshot {
    std::uint64_t sessions_open = 0;
    std::uint64_t sessions_total = 0;
    std::uint64_t logins_refused = 0;
    std::uint64_t transfers_running = 0;
    std::uint64_t transfers_complete = 0;
    std::uint64_t transfers_failed = 0;
    std::uint64_t bytes_received = 0;
    std::uint64_t bytes_sent = 0;
    std::uint64_t strangers_refused = 0;
    std::uint64_t data_never_came = 0;
    std::uint64_t active_connects_failed = 0;
    std::uint64_t ports_exhausted = 0;
    std::uint64_t targets_refused = 0;
    std::uint64_t turned_away_full = 0;
    std::uint64_t turned_away_address = 0;
    std::uint64_t turned_away_penalised = 0;
    std::uint64_t turned_away_no_backend = 0;

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
    counter strangers_refused{0};
    counter data_never_came{0};
    counter active_connects_failed{0};
    counter ports_exhausted{0};
    counter targets_refused{0};
    counter turned_away_full{0};
    counter turned_away_address{0};
    counter turned_away_penalised{0};
    counter turned_away_no_backend{0};

    [[nodiscard]] snapshot take() const;
};

inline void count(counters::counter& c, std::uint64_t by = 1) { c.fetch_add(by, std::memory_order_relaxed); }
inline void uncount(counters::counter& c) { c.fetch_sub(1, std::memory_order_relaxed); }

enum class counter_kind : std::uint8_t {
    // Goes up and down.
    gauge,
    // Since the start of the process.
    total,
    // Since the start of the process: what was not admitted, was refused or did not come about.
    rejected,
};

/// What one counter is.
struct counter_row {
    // Its key in JSON, and the end of a metric's name.
    std::string_view name;
    // One sentence.
    std::string_view help;
    counter_kind kind;
    // What is counted, in a text: "unexpected peer".
    std::string_view one;
    // "unexpected peers".
    std::string_view many;
    std::uint64_t snapshot::* value;
    counters::counter counters::* live;
};

/// A row for each counter.
[[nodiscard]] std::span<const counter_row> counter_table() noexcept;

/// "1 unexpected peer", "3 unexpected peers".
[[nodiscard]] std::string count_text(const counter_row& row, std::uint64_t n);

/// "512 B", "12.4 MiB".
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);

}  // namespace sallyport::status
