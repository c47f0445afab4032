#pragma once
// A limit of bytes per second for the transfers of one session in one direction: it waits after the bytes, and TCP slows
// down the peer. A value of the session, which outlives its transfers; loop thread only.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

#include <sallyport/base/token_bucket.hpp>
#include <sallyport/net/loop.hpp>

namespace sallyport::server {

class rate_limit {
public:
    rate_limit() = default;
    /// 0: no limit. A twentieth of a second at once, so that the rate is even.
    explicit rate_limit(std::uint64_t per_second) {
        const auto rate = static_cast<double>(per_second);
        if (per_second > 0) bucket_.emplace(rate, std::max(1.0, rate / steps));
    }

    [[nodiscard]] bool is_set() const noexcept { return bucket_.has_value(); }
    /// How many bytes to transfer between two calls of wait().
    [[nodiscard]] std::uint64_t step(std::uint64_t max) const noexcept {
        constexpr double min = 1024;
        if (!bucket_) return max;
        return static_cast<std::uint64_t>(std::clamp(bucket_->per_second() / steps, min, static_cast<double>(max)));
    }
    /// Waits until these bytes are within the limit. Ends soon after `cancelled` is set.
    net::task<> wait(std::uint64_t bytes, net::loop& loop, const std::atomic<bool>& cancelled) {
        constexpr net::clock::duration part = std::chrono::milliseconds(50);
        if (!bucket_) co_return;
        auto now = net::clock::now();
        const auto until = now + bucket_->spend(static_cast<double>(bytes), now);
        for (; now < until && !cancelled; now = net::clock::now()) co_await loop.sleep_for(std::min(until - now, part));
    }

private:
    static constexpr double steps = 20;
    std::optional<token_bucket> bucket_;
};

}  // namespace sallyport::server
