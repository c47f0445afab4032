#pragma once
// Counts how long something took in fixed steps, as a histogram of Prometheus shows it. Adding is wait-free; any thread.
// Owned by the counters; a snapshot is a value. Nothing here fails.

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace sallyport::status {

/// The longest time of each step; what took longer is in one step more.
inline constexpr auto duration_steps = std::to_array<std::chrono::milliseconds>(
    {std::chrono::milliseconds(1), std::chrono::milliseconds(5), std::chrono::milliseconds(25),
     std::chrono::milliseconds(100), std::chrono::milliseconds(500), std::chrono::milliseconds(2500),
     std::chrono::seconds(10), std::chrono::minutes(1), std::chrono::minutes(10), std::chrono::hours(1)});

struct duration_snapshot {
    // How many took no longer than that step, and longer than the one before.
    std::array<std::uint64_t, duration_steps.size() + 1> counts{};
    std::uint64_t microseconds = 0;
};

class duration_counts {
public:
    void add(std::chrono::nanoseconds took) noexcept {
        std::size_t step = 0;
        while (step < duration_steps.size() && took > duration_steps[step]) ++step;
        counts_[step].fetch_add(1, std::memory_order_relaxed);
        const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
        microseconds_.fetch_add(whole < 0 ? 0 : static_cast<std::uint64_t>(whole), std::memory_order_relaxed);
    }
    [[nodiscard]] duration_snapshot read() const noexcept {
        duration_snapshot out;
        for (std::size_t i = 0; i < counts_.size(); ++i) out.counts[i] = counts_[i].load(std::memory_order_relaxed);
        out.microseconds = microseconds_.load(std::memory_order_relaxed);
        return out;
    }

private:
    // Next to the first steps, so that a short time changes one line of the cache.
    std::atomic<std::uint64_t> microseconds_{0};
    std::array<std::atomic<std::uint64_t>, duration_steps.size() + 1> counts_{};
};

}  // namespace sallyport::status
