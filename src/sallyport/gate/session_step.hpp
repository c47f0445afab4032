#pragma once
// Translates actions and notes of the relay machine for the session: the next step of the client leg, and level and prefix
// of a log line. Pure functions of values; any thread.

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

#include <sallyport/base/log.hpp>
#include <sallyport/proto/client_side/login_rules.hpp>
#include <sallyport/proto/relay_machine.hpp>

namespace sallyport::gate {

// The client's 421 if the session ends.
inline constexpr std::string_view dismissed_text = "The administrator has ended this session.";
inline constexpr std::string_view stopping_text = "The service is shutting down; connect again later.";

/// What the client leg does before it reads the next command, after all pending replies have been sent.
enum class session_step : std::uint8_t { none, read_hello, start_tls, end_tls, passthrough };

/// Nothing if the action is not one of these steps.
[[nodiscard]] inline std::optional<session_step> step_of(const proto::relay_action& action) noexcept {
    if (std::holds_alternative<proto::relay_act::start_passthrough>(action)) return session_step::passthrough;
    if (std::holds_alternative<proto::relay_act::read_client_hello>(action)) return session_step::read_hello;
    if (std::holds_alternative<proto::relay_act::end_tls>(action)) return session_step::end_tls;
    const auto* start = std::get_if<proto::relay_act::start_tls>(&action);
    if (start != nullptr && start->on == proto::leg::client) return session_step::start_tls;
    return std::nullopt;
}

/// Whether a client that has closed its connection did not wait for the reply to a password. That counts as a wrong one: it
/// is often answered late, and a client that guesses could leave before, with no penalty.
[[nodiscard]] inline bool abandons_password(const proto::relay_machine& machine) {
    const auto& login = machine.login();
    return !machine.closing() && login.password_pending() && !proto::is_anonymous_name(login.user());
}

[[nodiscard]] inline std::pair<log::level, std::string_view> log_form(proto::relay_note kind) noexcept {
    switch (kind) {
        case proto::relay_note::line: return {log::level::debug, ""};
        case proto::relay_note::refused: return {log::level::info, "Refused: "};
        case proto::relay_note::bounce_attempt: return {log::level::warning, "Bounce attempt refused: "};
        case proto::relay_note::violation: return {log::level::warning, "Protocol error: "};
        default: return {log::level::info, ""};
    }
}

}  // namespace sallyport::gate
