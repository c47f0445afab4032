#pragma once
// A maximum rate for all data connections that share it. Owned by the options of sessions, and lives as long as one of them;
// any thread.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include <sallyport/base/token_bucket.hpp>

namespace sallyport::client {

class rate_limiter {
public:
    /// REQUIRES: above 0.
    explicit rate_limiter(std::uint64_t bytes_per_second)
        : bucket_(static_cast<double>(bytes_per_second),
                  static_cast<double>(bytes_per_second) / token_bucket::pieces_per_second) {}

    /// Counts bytes that were moved, and returns how long to wait before the next ones.
    [[nodiscard]] std::chrono::steady_clock::duration spend(std::uint64_t bytes) {
        const std::lock_guard lock(mutex_);
        return bucket_.spend(static_cast<double>(bytes), std::chrono::steady_clock::now());
    }
    /// How many bytes should be moved at a time, at most `usual`.
    [[nodiscard]] std::size_t piece(std::size_t usual) const noexcept { return bucket_.piece(1, usual); }

private:
    // Guards what changes in bucket_, which is not its rate.
    std::mutex mutex_;
    token_bucket bucket_;
};

}  // namespace sallyport::client
