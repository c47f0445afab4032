#pragma once
// Limits the log lines that each source (an IPv4 address or an IPv6 /64) may cause: a burst, then one line per second
// (limits::log_line_burst). Suppressed lines are counted, and the count is returned with the next line. Owned by its user;
// one thread at a time. The caller passes the time.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include <sallyport/base/address.hpp>
#include <sallyport/base/token_bucket.hpp>

namespace sallyport {

class line_budget {
public:
    using clock = std::chrono::steady_clock;

    /// Called for each line that `source` causes. If this line may be written, returns the number of lines that were
    /// suppressed since the last one; otherwise returns nothing.
    [[nodiscard]] std::optional<std::uint64_t> take(const ip_address& source, clock::time_point now);
    [[nodiscard]] std::size_t tracked() const noexcept { return sources_.size(); }

private:
    struct account {
        token_bucket lines;
        std::uint64_t suppressed = 0;
    };
    [[nodiscard]] account& account_of(const ip_address& source, clock::time_point now);

    std::unordered_map<ip_address, account> sources_;
    // Shared by all sources that are not tracked, as there are too many.
    std::optional<account> others_;
    clock::time_point next_sweep_{};
};

}  // namespace sallyport
