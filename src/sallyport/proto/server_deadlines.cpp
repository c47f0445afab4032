#include <sallyport/proto/server_deadlines.hpp>

namespace sallyport::proto {
namespace {

[[nodiscard]] std::string seconds(std::chrono::milliseconds limit) {
    return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(limit).count());
}

}  // namespace

server_deadlines::server_deadlines(const server_settings& settings)
    : idle_(settings.idle_timeout),
      login_(settings.login_timeout),
      handshake_(settings.tls_timeout),
      data_(settings.data_timeout),
      now_(settings.now) {}

void server_deadlines::note_activity(bool logged_in) noexcept {
    activity_ = now_;
    if (logged_in) login_since_ = now_;
}

session_deadline server_deadlines::next(session_phase phase) const noexcept {
    switch (phase) {
        case session_phase::handshake: return {handshake_since_ + handshake_, deadline_kind::tls};
        case session_phase::login: return {login_since_ + login_, deadline_kind::login};
        case session_phase::commands: return {activity_ + idle_, deadline_kind::idle};
        // G5: a session with a running transfer is not idle.
        case session_phase::transfer: break;
    }
    return {};
}

deadline_kind server_deadlines::expired(session_phase phase) const noexcept {
    const auto due = next(phase);
    return now_ < due.at ? deadline_kind::nothing : due.kind;
}

std::string server_deadlines::text(deadline_kind kind) const {
    switch (kind) {
        case deadline_kind::login: return "Login timeout: not logged in within " + seconds(login_) + " s.";
        case deadline_kind::idle: return "Idle timeout: no command for " + seconds(idle_) + " s.";
        default: return {};
    }
}

}  // namespace sallyport::proto
