#include <sallyport/gate/health.hpp>

#include <algorithm>
#include <utility>

namespace sallyport::gate {
namespace {

constexpr double newest_counts = 0.25;  // in the moving mean of response times
constexpr double least_share = 0.1;     // of a backend that has just come back

}  // namespace

std::string_view name(condition c) noexcept { return c == condition::up ? "up" : "failing"; }

void health::failed(const balancing& rules, std::string reason, net::deadline now) {
    if (state() == condition::up) since_ = now;
    reason_ = std::move(reason);
    rests_until_ = now + rules.rest;
}

void health::succeeded(net::deadline now) {
    if (state() == condition::up) return;
    since_ = now;
    reason_.clear();
    rests_until_ = {};
}

void health::took(net::clock::duration time, net::deadline now) {
    const std::chrono::duration<double> newest = time;
    const auto before = response(now);
    response_ = before ? *before + newest_counts * (newest - *before) : newest;
    response_at_ = now;
}

void health::tried(const balancing& rules, net::deadline now) {
    if (state() != condition::up) rests_until_ = now + rules.rest;
}

double health::share(const balancing& rules, net::deadline now) const noexcept {
    // Who was up from the start has no since_, and nothing to recover from.
    if (state() != condition::up || since_ == net::deadline()) return 1;
    const std::chrono::duration<double> back = now - since_;
    const std::chrono::duration<double> whole = rules.slow_start;
    return back >= whole ? 1 : std::max(least_share, back / whole);
}

std::optional<std::chrono::duration<double>> health::response(net::deadline now) const noexcept {
    if (response_at_ == net::deadline() || now - response_at_ > limits::backend_response_memory) return std::nullopt;
    return response_;
}

}  // namespace sallyport::gate
