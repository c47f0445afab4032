#pragma once
// What a daemon counts, and a plain copy of it for whoever shows it. Counting is wait-free from any loop.

#include <atomic>
#include <cstdint>
#include <string>

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
    std::uint64_t strangers_refused = 0;       // data connections from nobody who was expected (DC-02)
    std::uint64_t data_never_came = 0;         // passive negotiations to which nobody connected
    std::uint64_t active_connects_failed = 0;  // data connections to clients that could not be made (PORT, EPRT)
    std::uint64_t ports_exhausted = 0;         // passive negotiations for which no port was left (425)
    std::uint64_t targets_refused = 0;         // PORT and EPRT to a third party (DC-01)
    std::uint64_t turned_away_full = 0;        // connections over the limit of all sessions, ...
    std::uint64_t turned_away_address = 0;     // ... over that of their address, ...
    std::uint64_t turned_away_penalised = 0;   // ... from addresses that guess passwords, ...
    std::uint64_t turned_away_no_backend = 0;  // ... and where a gateway found no server for them

    /// One line for a terminal: "3 sessions, 1 transfer, 12.4 MiB sent, ...".
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

/// "512 B", "12.4 MiB".
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);

}  // namespace sallyport::status
