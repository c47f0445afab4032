#pragma once
// How many log lines each source (an IPv4 address or an IPv6 /64) may cause: some at once, and one a second on average
// (limits::log_line_burst). What is left out is counted, and the count is handed out with the next line. Pure: the caller
// passes the time. Not safe from several threads at once.

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

    /// `source` wants to cause a line. The number of its lines left out since the last one, where this one may be written.
    [[nodiscard]] std::optional<std::uint64_t> take(const ip_address& source, clock::time_point now);
    [[nodiscard]] std::size_t tracked() const noexcept { return sources_.size(); }

private:
    struct account {
        token_bucket lines;
        std::uint64_t suppressed = 0;
    };
    [[nodiscard]] account& account_of(const ip_address& source, clock::time_point now);

    std::unordered_map<ip_address, account> sources_;
    // Shared by all sources beyond the maximum.
    std::optional<account> others_;
    clock::time_point next_sweep_{};
};

}  // namespace sallyport
