#pragma once
// The health of one backend: its state, its mean response time, and its weight during slow start (G7).
//
// A value: events and times are passed in. Not thread-safe; its owner, the pool, guards it.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sallyport/gate/gate.hpp>
#include <sallyport/net/deadline.hpp>

namespace sallyport::gate {

/// `failing`: it has failed, but not often enough to be down; it is tried last.
enum class health_state : std::uint8_t { up, failing, down };
[[nodiscard]] std::string_view name(health_state s) noexcept;

/// Who observed a success: a session, or a health check.
enum class health_source : std::uint8_t { session, check };

class backend_health {
public:
    // Both return the new state if it has changed.
    std::optional<health_state> failed(const balancing_rules& rules, std::string reason, net::deadline now);
    /// With health checks only their successes count: a check of login or listing sees more of a backend than a session
    /// does.
    std::optional<health_state> succeeded(const balancing_rules& rules, health_source source, net::deadline now);
    /// Adds a response time to the moving mean.
    void add_response_time(net::clock::duration time, net::deadline now);

    [[nodiscard]] health_state state() const noexcept { return state_; }
    /// It is to be tried after all others.
    [[nodiscard]] bool is_in_retry_delay(const balancing_rules& rules, net::deadline now) const noexcept;
    /// It must not be tried at all.
    [[nodiscard]] bool is_excluded(const balancing_rules& rules) const noexcept;
    /// A session is sent to a backend that is not up. No second one follows during the retry delay.
    void note_attempt(const balancing_rules& rules, net::deadline now);

    /// The factor for its weight, above 0 and at most 1; less than 1 during slow start.
    [[nodiscard]] double weight_factor(const balancing_rules& rules, net::deadline now) const noexcept;
    /// A moving mean; nothing if there was no recent response.
    [[nodiscard]] std::optional<std::chrono::duration<double>> response_time(net::deadline now) const noexcept;

    /// The last failure; empty if it is up.
    [[nodiscard]] const std::string& reason() const noexcept { return reason_; }
    [[nodiscard]] net::deadline since() const noexcept { return since_; }

private:
    health_state state_ = health_state::up;
    // Consecutive ones; successes are counted while it is down.
    unsigned failures_ = 0;
    unsigned successes_ = 0;
    std::string reason_;
    // Start of the current state; the epoch: since the start of the program.
    net::deadline since_{};
    // When it was last marked up after it had been down.
    net::deadline recovered_at_{};
    net::deadline retry_at_{};
    std::chrono::duration<double> response_time_{};
    net::deadline response_at_{};
};

}  // namespace sallyport::gate
