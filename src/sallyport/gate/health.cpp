#include <sallyport/gate/health.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace sallyport::gate {
namespace {

// Weight of the newest response time in the moving mean.
constexpr double newest_weight = 0.25;
// At the start of slow start.
constexpr double min_weight_factor = 0.1;

}  // namespace

std::string_view name(health_state s) noexcept {
    constexpr auto names = std::to_array<std::string_view>({"up", "failing", "down"});
    return names[static_cast<std::size_t>(s)];
}

std::optional<health_state> backend_health::failed(const balancing_rules& rules, std::string reason, net::deadline now) {
    const auto before = state_;
    reason_ = std::move(reason);
    retry_at_ = now + rules.retry_delay;
    successes_ = 0;
    ++failures_;
    if (state_ != health_state::down) state_ = failures_ >= rules.fall ? health_state::down : health_state::failing;
    if (state_ == before) return std::nullopt;
    since_ = now;
    return state_;
}

std::optional<health_state> backend_health::succeeded(const balancing_rules& rules, health_source source,
                                                      net::deadline now) {
    if (state_ == health_state::up || (source == health_source::session && rules.check != check_level::off))
        return std::nullopt;
    retry_at_ = {};
    ++successes_;
    const bool was_down = state_ == health_state::down;
    if (was_down && successes_ < rules.rise) return std::nullopt;
    state_ = health_state::up;
    failures_ = successes_ = 0;
    reason_.clear();
    since_ = now;
    if (was_down) recovered_at_ = now;
    return state_;
}

bool backend_health::is_in_retry_delay(const balancing_rules& rules, net::deadline now) const noexcept {
    return state_ != health_state::up && (rules.check != check_level::off || retry_at_ > now);
}

// Without health checks only a session can find out that a backend is up again.
bool backend_health::is_excluded(const balancing_rules& rules) const noexcept {
    return state_ == health_state::down && rules.check != check_level::off && rules.when_all_down == all_down_policy::reject;
}

void backend_health::add_response_time(net::clock::duration time, net::deadline now) {
    const std::chrono::duration<double> newest = time;
    const auto before = response_time(now);
    response_time_ = before ? *before + newest_weight * (newest - *before) : newest;
    response_at_ = now;
}

void backend_health::note_attempt(const balancing_rules& rules, net::deadline now) {
    if (state_ != health_state::up) retry_at_ = now + rules.retry_delay;
}

double backend_health::weight_factor(const balancing_rules& rules, net::deadline now) const noexcept {
    if (state_ != health_state::up || recovered_at_ == net::deadline()) return 1;
    const std::chrono::duration<double> recovered_for = now - recovered_at_;
    const std::chrono::duration<double> slow_start = rules.slow_start;
    return recovered_for >= slow_start ? 1 : std::max(min_weight_factor, recovered_for / slow_start);
}

std::optional<std::chrono::duration<double>> backend_health::response_time(net::deadline now) const noexcept {
    if (response_at_ == net::deadline() || now - response_at_ > limits::max_response_time_age) return std::nullopt;
    return response_time_;
}

}  // namespace sallyport::gate
