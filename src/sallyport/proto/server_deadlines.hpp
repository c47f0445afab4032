#pragma once
// The deadlines of a server session: of a TLS handshake, the login, an idle session, and a data connection.
//
// A value without a clock: the driver passes the time. Owned by the server machine; one thread.

#include <string>

#include <sallyport/proto/server_settings.hpp>
#include <sallyport/proto/session_time.hpp>

namespace sallyport::proto {

/// The phase of a session, on which its deadlines depend.
enum class session_phase : std::uint8_t { handshake, login, commands, transfer };

class server_deadlines {
public:
    explicit server_deadlines(const server_settings& settings);

    void set_time(session_time now) noexcept { now_ = now; }
    [[nodiscard]] session_time last_activity() const noexcept { return activity_; }
    /// The client has sent bytes, or its last command has finished. The timeout of another login, after REIN or AUTH, starts
    /// at the last activity of the previous one.
    void note_activity(bool logged_in) noexcept;
    void start_handshake() noexcept { handshake_since_ = now_; }

    /// The next deadline.
    [[nodiscard]] session_deadline next(session_phase phase) const noexcept;
    /// The deadline that has expired.
    [[nodiscard]] deadline_kind expired(session_phase phase) const noexcept;
    /// The deadline for a data connection, counted from now.
    [[nodiscard]] session_deadline data() const noexcept { return {now_ + data_, deadline_kind::data}; }

    /// The text for the client (G6).
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
