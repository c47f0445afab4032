#pragma once
// The login at a gateway: the replies before a backend is selected, the selection of a backend for the user, and the
// commands that are sent again to another backend if the first one fails before the user is logged in (G7). Passwords are
// not sent again: a backend that fails after a password is not replaced. A value of one machine; one thread.

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sallyport/proto/command.hpp>
#include <sallyport/proto/named_server.hpp>
#include <sallyport/proto/pending_replies.hpp>
#include <sallyport/proto/relay_output.hpp>
#include <sallyport/proto/relay_settings.hpp>
#include <sallyport/proto/reply.hpp>

namespace sallyport::proto {

/// What the machine has to do about a command of the login.
struct login_step {
    enum class kind : std::uint8_t {
        // There is nothing to do: the client has its reply.
        replied,
        // Send `cmd` to the backend.
        forward,
        // Have a backend chosen; it is sent the earlier commands again, then `cmd`.
        find_backend,
        // End the session: the client has its last reply.
        close,
    };
    kind next = kind::replied;
    command cmd{};
    // If a backend is to be found: in place of one that has failed.
    bool failover = false;
};

class relay_login {
public:
    /// `chooses_backend`: by its user, at each login. `certificate_user`: see certified_user.
    relay_login(bool chooses_backend, std::optional<std::string> certificate_user)
        : chooses_backend_(chooses_backend), certificate_user_(std::move(certificate_user)) {}

    [[nodiscard]] session_stage stage() const noexcept;
    [[nodiscard]] bool logged_in() const noexcept { return logged_in_; }
    [[nodiscard]] bool user_received() const noexcept { return user_received_; }
    /// Of the last USER that was not refused; with the server that the client has named, "anna@ftp.example.org:2121".
    [[nodiscard]] const std::string& user() const noexcept { return user_; }
    /// `certificate_user`: see relay_outcome::client_tls_started.
    void client_tls_started(std::optional<std::string> certificate_user);
    /// If the gateway sends the greeting.
    [[nodiscard]] static std::string_view greeting(const relay_settings& settings) noexcept;

    // Commands
    /// What is refused because of the stage of the login, or by the driver.
    [[nodiscard]] std::optional<local_reply> refuse(const command& cmd, const relay_settings& settings, bool tls) const;
    /// `tls`: on the client leg. `connected`: there is a backend.
    [[nodiscard]] login_step on_user(const command& given, const relay_settings& settings, bool tls, bool connected,
                                     relay_output& out);
    [[nodiscard]] login_step on_host(const command& cmd, const ip_address& client_destination, bool connected,
                                     relay_output& out);
    /// OPEN or SITE before USER at a forward proxy: it names the server.
    [[nodiscard]] bool names_server(const command& cmd, const relay_settings& settings) const;
    /// REQUIRES: names_server(cmd). Nothing is known of the server yet, so the reply is the same for each.
    void on_server_named(const command& cmd, const relay_settings& settings, bool tls, relay_output& out);
    /// Any other one while there is no backend, but FEAT. No reply claims what the backend might not support.
    [[nodiscard]] login_step before_backend(const command& cmd, const relay_settings& settings, relay_output& out);
    /// It was sent to the backend: it may have to be sent to another one.
    void store(const command& cmd);
    /// REIN, AUTH after USER: the next login starts from nothing.
    void reset();

    // Backends
    /// Asks the driver for one, which is to be sent `cmd`, the command that the client waits for.
    void request_backend(const command& cmd, bool failover, relay_output& out);
    void backend_found() { chosen_for_ = user_; }
    /// There is none for this user, who is refused as if the password were wrong.
    void backend_refused(relay_output& out);
    /// Sends the next command that this backend has not been sent. The client gets the last one's reply.
    void send_next(relay_output& out);
    /// The backend has failed. `client_waits`: for any reply; `pending`: for this one, to a command that changes the
    /// session. Nothing: the session can't go on without it.
    [[nodiscard]] std::optional<login_step> on_backend_lost(bool client_waits, const pending_reply* pending);
    /// The backend has ended the session. A password without a reply then counts as a wrong one: some servers hang up after
    /// one.
    void backend_ended(relay_output& out);

    // Replies
    /// To a command that was sent again. True: it is the one that the client waits for, since no password is needed or the
    /// user is refused.
    [[nodiscard]] bool ends_replay(const reply& r, verb id);
    /// To USER, PASS or ACCT of the client. True: the user is logged in.
    [[nodiscard]] bool on_reply(const reply& r, verb id, relay_output& out);
    /// The driver has to decide about the user first, and the reply is held. Only a user whose password was right counts:
    /// otherwise anyone who knows a name could use up the sessions of that user.
    [[nodiscard]] bool hold_for_admission(const reply& r, verb id, relay_output& out);
    /// The backend has a password and has not replied to it, unless the session has ended meanwhile.
    [[nodiscard]] bool password_pending() const noexcept { return password_pending_; }
    [[nodiscard]] const reply& held_reply() const noexcept { return held_reply_; }

private:
    [[nodiscard]] std::optional<local_reply> take_user(command& cmd, const relay_settings& settings, bool tls);
    [[nodiscard]] login_step on_password(const command& cmd, relay_output& out);
    void on_opts(const command& cmd, relay_output& out);
    void forget_host();

    bool chooses_backend_;
    std::optional<std::string> certificate_user_;
    std::string user_;
    // The last user that the backend has accepted.
    std::string logged_in_as_;
    // Named by OPEN or SITE, and for the present user.
    std::optional<named_server> opened_;
    std::optional<named_server> server_;
    // The host that the last HOST has named.
    std::string host_;
    // HOST and OPTS, which another backend is sent before the login.
    std::vector<command> commands_before_login_;
    // What may be sent to another backend: USER, or PASS if it is no secret.
    command repeatable_;
    // The commands that this backend is still to be sent.
    std::deque<command> replay_;
    // The user that the present backend was chosen for.
    std::string chosen_for_;
    // The backend's reply, until the driver has admitted the user.
    reply held_reply_;
    bool user_received_ = false;
    bool logged_in_ = false;
    bool no_backend_for_user_ = false;
    // The last USER was refused here: a password that follows has no recipient.
    bool user_refused_ = false;
    // The backend has refused the last USER: an earlier login is still in force, and some servers (vsftpd) accept any PASS
    // then.
    bool user_rejected_ = false;
    bool password_pending_ = false;
    // The backend has failed, and the client waits for none of its replies.
    bool backend_lost_ = false;
    // A login was refused before: a failure may be the backend's reaction to guessing, and no reason for another one.
    bool login_refused_ = false;
};

}  // namespace sallyport::proto
