#include <sallyport/gate/health.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace sallyport::gate {
namespace {

constexpr double newest_counts = 0.25;  // in the moving mean of response times
constexpr double least_share = 0.1;     // of a backend that has just come back

}  // namespace

std::string_view name(condition c) noexcept {
    constexpr auto names = std::to_array<std::string_view>({"up", "failing", "down"});
    return names[static_cast<std::size_t>(c)];
}

std::optional<condition> health::failed(const balancing& rules, std::string reason, net::deadline now) {
    const auto before = state_;
    reason_ = std::move(reason);
    rests_until_ = now + rules.rest;
    successes_ = 0;
    ++failures_;
    if (state_ != condition::down) state_ = failures_ >= rules.fall ? condition::down : condition::failing;
    if (state_ == before) return std::nullopt;
    since_ = now;
    return state_;
}

std::optional<condition> health::succeeded(const balancing& rules, witness by, net::deadline now) {
    if (state_ == condition::up || (by == witness::session && rules.check != check_stage::off)) return std::nullopt;
    rests_until_ = {};
    ++successes_;
    const bool was_down = state_ == condition::down;
    if (was_down && successes_ < rules.rise) return std::nullopt;
    state_ = condition::up;
    failures_ = successes_ = 0;
    reason_.clear();
    since_ = now;
    if (was_down) back_ = now;
    return state_;
}

bool health::rests(const balancing& rules, net::deadline now) const noexcept {
    return state_ != condition::up && (rules.check != check_stage::off || rests_until_ > now);
}

// Without checks nobody but a session could find out that it is back.
bool health::shut(const balancing& rules) const noexcept {
    return state_ == condition::down && rules.check != check_stage::off && rules.when_all_down == all_down::refuse;
}

void health::took(net::clock::duration time, net::deadline now) {
    const std::chrono::duration<double> newest = time;
    const auto before = response(now);
    response_ = before ? *before + newest_counts * (newest - *before) : newest;
    response_at_ = now;
}

void health::tried(const balancing& rules, net::deadline now) {
    if (state_ != condition::up) rests_until_ = now + rules.rest;
}

double health::share(const balancing& rules, net::deadline now) const noexcept {
    if (state_ != condition::up || back_ == net::deadline()) return 1;
    const std::chrono::duration<double> back = now - back_;
    const std::chrono::duration<double> whole = rules.slow_start;
    return back >= whole ? 1 : std::max(least_share, back / whole);
}

std::optional<std::chrono::duration<double>> health::response(net::deadline now) const noexcept {
    if (response_at_ == net::deadline() || now - response_at_ > limits::backend_response_memory) return std::nullopt;
    return response_;
}

}  // namespace sallyport::gate
