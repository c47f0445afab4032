#pragma once
// A token bucket: a rate limit that allows bursts. Rates are per second; the caller passes the time. A value, owned by its
// user; one thread at a time.

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace sallyport {

class token_bucket {
public:
    using clock = std::chrono::steady_clock;

    static constexpr double pieces_per_second = 20;

    /// `burst`: the capacity of the bucket, which is full at the start. REQUIRES: both above 0.
    token_bucket(double per_second, double burst) noexcept : rate_(per_second), burst_(burst), level_(burst) {}

    /// Takes one token if there is one.
    [[nodiscard]] bool take_one(clock::time_point now) noexcept {
        refill(now);
        if (level_ < 1) return false;
        level_ -= 1;
        return true;
    }
    /// Takes `amount` tokens even if there are fewer. Returns the time until the level is no longer negative.
    [[nodiscard]] clock::duration spend(double amount, clock::time_point now) noexcept {
        refill(now);
        level_ -= amount;
        if (level_ >= 0) return clock::duration::zero();
        return std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(-level_ / rate_));
    }
    [[nodiscard]] bool full(clock::time_point now) const noexcept {
        auto then = *this;
        then.refill(now);
        return then.level_ >= burst_;
    }
    /// How much to move at a time, within these bounds, so that a low rate is even.
    [[nodiscard]] std::size_t piece(std::size_t min, std::size_t max) const noexcept {
        const auto wanted = rate_ / pieces_per_second;
        return static_cast<std::size_t>(std::clamp(wanted, static_cast<double>(min), static_cast<double>(max)));
    }

private:
    void refill(clock::time_point now) noexcept {
        if (now <= last_refill_) return;
        if (last_refill_ != clock::time_point()) level_ += rate_ * std::chrono::duration<double>(now - last_refill_).count();
        level_ = std::min(level_, burst_);
        last_refill_ = now;
    }

    double rate_;
    double burst_;
    double level_;
    clock::time_point last_refill_{};
};

}  // namespace sallyport
