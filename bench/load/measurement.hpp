#pragma once
// Counts the operations of a run and formats them as one line of JSON. A value for one thread.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <sallyport/base/error.hpp>

namespace sallyport::load {

using clock = std::chrono::steady_clock;

/// The data that a session has received, and the longest time that it waited for some.
class reception {
public:
    void start(clock::time_point now = clock::now());
    void add(std::uint64_t bytes, clock::time_point now = clock::now());
    /// The session receives no more; it may have been waiting.
    void end(clock::time_point now = clock::now()) { add(0, now); }

    [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
    [[nodiscard]] clock::duration longest_wait() const { return longest_wait_; }

private:
    std::uint64_t bytes_ = 0;
    clock::time_point last_{};
    clock::duration longest_wait_{};
};

class measurement {
public:
    /// Starts the measured time.
    void start();
    /// One operation that began at `begun` and ends now.
    void finished(clock::time_point begun, std::uint64_t bytes);
    void failed(const error& cause);
    /// A session has waited for data this long; the longest wait of all sessions is reported.
    void waited(clock::duration wait) { longest_wait_ = std::max(longest_wait_, wait); }

    [[nodiscard]] std::uint64_t operations() const { return latencies_.size(); }
    [[nodiscard]] clock::time_point started() const { return started_; }
    [[nodiscard]] std::uint64_t errors() const { return errors_; }
    [[nodiscard]] const std::string& first_error() const { return first_error_; }

    /// Ends the measured time. "cpu" is the share of one core that the generator used.
    [[nodiscard]] std::string json();
    /// The median time of the last tenth of the operations, as a multiple of that of the first tenth; 0 if there are too
    /// few. Before json().
    [[nodiscard]] double last_to_first() const;

private:
    clock::time_point started_{};
    clock::time_point last_{};
    double cpu_at_start_ = 0;
    std::vector<std::uint32_t> latencies_;  // microseconds
    std::uint64_t bytes_ = 0;
    clock::duration longest_wait_{};
    std::uint64_t errors_ = 0;
    std::string first_error_;
};

/// The value below which `share` (0 to 1) of `values` lie; 0 of none. Reorders them.
[[nodiscard]] std::uint32_t percentile(std::vector<std::uint32_t>& values, double share);

}  // namespace sallyport::load
