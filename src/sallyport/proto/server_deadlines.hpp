#pragma once
// What is over in a server's session if its time passes, and when: a TLS handshake, the login, an idle session, the wait for
// a data connection. A value without a clock: the time comes in. Owned by the machine; one thread.

#include <string>

#include <sallyport/proto/server_settings.hpp>
#include <sallyport/proto/session_time.hpp>

namespace sallyport::proto {

/// What a session is doing, as far as its deadlines depend on it.
enum class session_phase : std::uint8_t { handshake, login, commands, transfer };

class server_deadlines {
public:
    explicit server_deadlines(const server_settings& settings);

    void set_time(session_time now) noexcept { now_ = now; }
    [[nodiscard]] session_time last_activity() const noexcept { return activity_; }
    /// The client has sent something, or what it asked for has ended. The time of the next login, after REIN or AUTH, starts
    /// with the last activity of the one before.
    void note_activity(bool logged_in) noexcept;
    void start_handshake() noexcept { handshake_since_ = now_; }

    /// What is over next.
    [[nodiscard]] session_deadline next(session_phase phase) const noexcept;
    /// It is over now.
    [[nodiscard]] deadline_kind expired(session_phase phase) const noexcept;
    /// For a data connection that is waited for from now on.
    [[nodiscard]] session_deadline data() const noexcept { return {now_ + data_, deadline_kind::data}; }

    /// The reason that the client gets (G6).
    [[nodiscard]] std::string text(deadline_kind kind) const;

private:
    std::chrono::milliseconds idle_;
    std::chrono::milliseconds login_;
    std::chrono::milliseconds handshake_;
    std::chrono::milliseconds data_;
    session_time now_;
    session_time activity_ = now_;
    session_time login_since_ = now_;
    session_time handshake_since_ = now_;
};

}  // namespace sallyport::proto
