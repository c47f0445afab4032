#pragma once
// The deadlines of a session at a gateway: a session ends when neither peer sends anything for too long, and when the login
// takes too long; during the login each reply of the backend has a deadline, so that the backend is replaced before the
// client gives up (G6, G7). A transfer has deadlines of its own, as part of its plan. Time is a value: no clock. A value of
// one machine; one thread.

#include <cstdint>
#include <optional>

#include <sallyport/proto/relay_awaited.hpp>
#include <sallyport/proto/relay_settings.hpp>
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
    /// The next login has its time from now on.
    void restart_login() noexcept { login_since_ = now_; }
    /// A TLS handshake on either leg starts now.
    void start_handshake() noexcept { handshake_since_ = now_; }
    /// The handshake has failed if it is not complete by then.
    [[nodiscard]] session_time handshake() const noexcept { return handshake_since_ + limits_.tls; }

    /// The driver is about to wait; `reply` has its time from now on, unless it had been awaited before.
    void start_wait(awaited_reply reply) noexcept;
    /// What is awaited has made progress, and has its time again.
    void restart_wait() noexcept { reply_due_ = session_time::max(); }

    [[nodiscard]] session_time next(const deadline_facts& facts) const noexcept;
    /// One that has passed, to be acted on; the most urgent first.
    [[nodiscard]] expiry expired(const deadline_facts& facts) noexcept;

private:
    relay_timeouts limits_;
    session_time now_;
    session_time activity_;
    session_time login_since_;
    session_time handshake_since_{};
    session_time reply_due_ = session_time::max();
};

}  // namespace sallyport::proto
