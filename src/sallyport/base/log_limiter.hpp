#pragma once
// Limits a repeated log message to one per interval and counts the suppressed ones. Owned by the class that logs the
// message; any thread.

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

namespace sallyport {

class log_limiter {
public:
    explicit log_limiter(std::chrono::steady_clock::duration interval) : interval_(interval) {}

    /// Called for each event. If a line should be written now, returns the number of events since the last line.
    [[nodiscard]] std::optional<std::uint64_t> note(std::chrono::steady_clock::time_point now) {
        const std::lock_guard lock(mutex_);
        ++count_;
        if (now < next_) return std::nullopt;
        next_ = now + interval_;
        const auto reported = count_;
        count_ = 0;
        return reported;
    }

private:
    const std::chrono::steady_clock::duration interval_;
    std::mutex mutex_;
    std::uint64_t count_ = 0;
    std::chrono::steady_clock::time_point next_{};
};

}  // namespace sallyport
