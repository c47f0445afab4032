#pragma once
// The activity of the last hour, for the picture of the page: rates of bytes, sessions, transfers and failures.
//
// Owned by the page, which adds what it sees at each interval; used on its loop. Bounded: a new sample replaces the oldest.
// Times are those of a steady clock, so that a change of the machine's time moves nothing.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include <boost/json/object.hpp>

#include <sallyport/status/counters.hpp>
#include <sallyport/status/session_report.hpp>

namespace sallyport::status {

/// Sums since the start of the process, and current numbers.
struct activity_totals {
    std::uint64_t bytes_received = 0;
    std::uint64_t bytes_sent = 0;
    std::uint64_t transfers_failed = 0;
    std::uint64_t sessions = 0;
    std::uint64_t transfers = 0;
};

/// The counters have the bytes of transfers that have ended, so those of running ones are added.
[[nodiscard]] activity_totals totals_of(const counter_snapshot& counted, const session_snapshot& running);

class rate_history {
public:
    using clock = std::chrono::steady_clock;

    static constexpr auto interval = std::chrono::seconds(10);
    // One hour.
    static constexpr std::size_t max_samples = 360;

    /// The first call is where the first interval starts.
    void add(const activity_totals& now, clock::time_point at);

    /// The interval, and a list for each value with the oldest sample first.
    [[nodiscard]] boost::json::object json() const;

private:
    struct sample {
        double received_per_second = 0;
        double sent_per_second = 0;
        std::uint64_t sessions = 0;
        std::uint64_t transfers = 0;
        std::uint64_t failed = 0;
    };

    std::optional<activity_totals> last_;
    clock::time_point last_at_{};
    std::deque<sample> samples_;
};

}  // namespace sallyport::status
