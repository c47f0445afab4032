#pragma once
// The deadlines of a session at a gateway: for the login, for an idle session, and during the login for each reply of the
// backend, so that a backend is replaced before the client times out (G6, G7). The deadlines of a transfer are part of its
// plan. No clock: the time is passed in. A value, owned by the machine; one thread.

#include <cstdint>
#include <optional>

#include <sallyport/proto/relay_awaited.hpp>
#include <sallyport/proto/relay_settings.hpp>
#include <sallyport/proto/relay_transitions.hpp>
#include <sallyport/proto/session_time.hpp>

namespace sallyport::proto {

/// What the deadlines depend on at the moment.
struct deadline_facts {
    bool logged_in = false;
    // The backend has not replied to a command, and the user is not logged in.
    bool login_reply_pending = false;
    // A transfer runs, which is activity.
    bool data_running = false;
    // The time to check that the kernel's data connection was established.
    std::optional<session_time> check_data{};
};

/// What has taken too long.
enum class expiry : std::uint8_t {
    none,
    login_reply,
    awaited_reply,
    data_check,
    // The client has not logged in within the time limit.
    login,
    // There was no command and no transfer.
    idle,
};

class relay_deadlines {
public:
    /// `accepted`: when the client connected, from which the time for its login counts.
    relay_deadlines(const relay_timeouts& limits, session_time now, session_time accepted) noexcept
        : limits_(limits), now_(now), activity_(now), login_since_(accepted) {}

    void set_time(session_time now) noexcept { now_ = now; }
    [[nodiscard]] session_time now() const noexcept { return now_; }
    /// When one of the peers sent something, or a transfer ended.
    [[nodiscard]] session_time last_activity() const noexcept { return activity_; }
    void note_activity() noexcept { activity_ = now_; }
    /// The time limit of the next login starts now.
    void restart_login() noexcept { login_since_ = now_; }
    /// The stage changes by this event: that is progress, and it may start a TLS handshake on either leg.
    void note_event(relay_event event) noexcept;
    /// The handshake has failed if it is not complete by then.
    [[nodiscard]] session_time handshake() const noexcept { return handshake_since_ + limits_.tls; }

    /// The driver waits: the time limit of `reply` starts now, unless it has already started.
    void start_wait(awaited_reply reply) noexcept;
    /// The backend has made progress: the time limit starts again with the next wait.
    void restart_wait() noexcept { reply_due_ = session_time::max(); }

    [[nodiscard]] session_time next(const deadline_facts& facts) const noexcept;
    /// A deadline that has passed; the most urgent one first.
    [[nodiscard]] expiry expired(const deadline_facts& facts) noexcept;
    /// What has not happened, with the time limit; for login_reply, login and idle.
    [[nodiscard]] std::string text(expiry what) const;

private:
    relay_timeouts limits_;
    session_time now_;
    session_time activity_;
    session_time login_since_;
    session_time handshake_since_{};
    session_time reply_due_ = session_time::max();
};

}  // namespace sallyport::proto
