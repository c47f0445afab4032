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
        if (per_second > 0) bucket_.emplace(rate, std::max(1.0, rate / token_bucket::pieces_per_second));
    }

    [[nodiscard]] bool is_set() const noexcept { return bucket_.has_value(); }
    /// How many bytes to transfer between two calls of wait().
    [[nodiscard]] std::size_t step(std::size_t max) const noexcept {
        constexpr std::size_t min = 1024;
        return bucket_ ? bucket_->piece(min, max) : max;
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
    std::optional<token_bucket> bucket_;
};

}  // namespace sallyport::server
