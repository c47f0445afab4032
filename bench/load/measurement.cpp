#include <load/measurement.hpp>

#include <algorithm>

#include <fmt/core.h>
#include <sys/resource.h>

namespace sallyport::load {
namespace {

double seconds(const timeval& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6; }

double cpu_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

void reception::start(clock::time_point now) {
    *this = {};
    last_ = now;
}

void reception::add(std::uint64_t bytes, clock::time_point now) {
    longest_wait_ = std::max(longest_wait_, now - last_);
    last_ = now;
    bytes_ += bytes;
}

void measurement::start() {
    started_ = last_ = clock::now();
    cpu_at_start_ = cpu_seconds();
    latencies_.reserve(1 << 20);
}

void measurement::finished(clock::time_point begun, std::uint64_t bytes) {
    last_ = clock::now();
    const auto duration = std::chrono::duration_cast<std::chrono::microseconds>(last_ - begun).count();
    latencies_.push_back(static_cast<std::uint32_t>(std::min<std::int64_t>(duration, UINT32_MAX)));
    bytes_ += bytes;
}

void measurement::failed(const error& cause) {
    if (errors_++ == 0) first_error_ = cause.text();
}

// One that gets slower and slower, as tables grow or are not cleared, has the same median as a slow one.
double measurement::last_to_first() const {
    constexpr std::size_t part = 10;
    const auto count = static_cast<std::ptrdiff_t>(latencies_.size() / part);
    std::vector first(latencies_.begin(), latencies_.begin() + count);
    std::vector last(latencies_.end() - count, latencies_.end());
    const auto before = percentile(first, 0.5);
    return before == 0 ? 0 : static_cast<double>(percentile(last, 0.5)) / before;
}

std::string measurement::json() {
    // Before percentile(), which reorders them.
    const auto slowdown = last_to_first();
    const double elapsed = std::max(std::chrono::duration<double>(last_ - started_).count(), 1e-9);
    const auto count = latencies_.size();
    return fmt::format(
        R"({{"operations":{},"seconds":{:.4f},"rate":{:.2f},"bytes":{},"bytes_per_second":{:.0f},"errors":{},)"
        R"("p50_us":{},"p99_us":{},"last_to_first":{:.3f},"longest_wait_ms":{:.1f},"cpu":{:.2f}}})",
        count, elapsed, static_cast<double>(count) / elapsed, bytes_, static_cast<double>(bytes_) / elapsed, errors_,
        percentile(latencies_, 0.5), percentile(latencies_, 0.99), slowdown,
        std::chrono::duration<double, std::milli>(longest_wait_).count(), (cpu_seconds() - cpu_at_start_) / elapsed);
}

std::uint32_t percentile(std::vector<std::uint32_t>& values, double share) {
    if (values.empty()) return 0;
    const auto rank = static_cast<std::size_t>(share * static_cast<double>(values.size() - 1));
    const auto at = values.begin() + static_cast<std::ptrdiff_t>(rank);
    std::nth_element(values.begin(), at, values.end());
    return *at;
}

}  // namespace sallyport::load
