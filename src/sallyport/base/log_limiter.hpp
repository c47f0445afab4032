#pragma once
// For what may happen a thousand times a second and is worth a line now and then, with a count. A member of
// the class that logs the line, and lives as long as that; any thread.

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

namespace sallyport {

class log_limiter {
public:
    explicit log_limiter(std::chrono::steady_clock::duration interval) : interval_(interval) {}

    /// It has happened at `now`. How often since the last line, where one is due.
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
