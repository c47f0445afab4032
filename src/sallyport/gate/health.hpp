#pragma once
// What is known of one backend: whether it answers, how fast, and how much of its share it may have (G7).
//
// A value: events and the time come in, nothing else. Guarded by whoever owns it.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sallyport/gate/gate.hpp>
#include <sallyport/net/deadline.hpp>

namespace sallyport::gate {

/// `failing`: not often enough yet to be down; tried last.
enum class health_state : std::uint8_t { up, failing, down };
[[nodiscard]] std::string_view name(health_state s) noexcept;

enum class health_source : std::uint8_t { session, check };

class backend_health {
public:
    // Each returns the new condition where it changed.
    std::optional<health_state> failed(const balancing_rules& rules, std::string reason, net::deadline now);
    /// Where checks are made, they alone say so: a session sees less of a backend than a check of its login or listing.
    std::optional<health_state> succeeded(const balancing_rules& rules, health_source source, net::deadline now);
    /// How long it took to answer.
    void add_response_time(net::clock::duration time, net::deadline now);

    [[nodiscard]] health_state state() const noexcept { return state_; }
    /// To be tried after all others.
    [[nodiscard]] bool is_in_retry_delay(const balancing_rules& rules, net::deadline now) const noexcept;
    /// Not to be tried at all.
    [[nodiscard]] bool is_excluded(const balancing_rules& rules) const noexcept;
    /// A session is sent there: while it finds out, no second one should.
    void note_attempt(const balancing_rules& rules, net::deadline now);

    /// The part of its weight that counts now, above 0 and at most 1: less than 1 for a while after it came back.
    [[nodiscard]] double weight_factor(const balancing_rules& rules, net::deadline now) const noexcept;
    /// A moving mean; nothing where there was no answer lately.
    [[nodiscard]] std::optional<std::chrono::duration<double>> response_time(net::deadline now) const noexcept;

    /// The last failure, empty where it is up.
    [[nodiscard]] const std::string& reason() const noexcept { return reason_; }
    [[nodiscard]] net::deadline since() const noexcept { return since_; }

private:
    health_state state_ = health_state::up;
    unsigned failures_ = 0;   // in a row
    unsigned successes_ = 0;  // in a row, while it is down
    std::string reason_;
    net::deadline since_{};         // of the present condition; the beginning of the clock: from the start
    net::deadline recovered_at_{};  // when it was last found up after having been down
    net::deadline retry_at_{};
    std::chrono::duration<double> response_time_{};
    net::deadline response_at_{};
};

}  // namespace sallyport::gate
