#pragma once
// The server side of a control connection (RFC 959, 2228, 2389, 2428, 2640, 3659, 4217, 7151).
//
// The driver passes bytes to receive(), calls next(), performs the action, and reports the outcome with the matching call;
// replies are appended to output(). One action is outstanding at a time, except that next() continues to request input
// during a transfer (ABOR, STAT, and commands to defer). The driver sends output() before it waits for anything, and before
// start_tls, clear_tls, close and start_transfer. The machine returns the deadline of each wait, the driver reports its
// expiry, and the machine decides what follows.
//
// The machine joins values with one subject each: the lines (server_input), the login (server_login), TLS
// (client_side/protection), transfer parameters (server_parameters), the negotiated data connection (server_data), the
// running transfer (server_transfer), directories and files (server_files), FEAT and HELP (server_information), deadlines
// (server_deadlines), and the replies (reply_writer). No sockets, clocks, files and exceptions. Owned by its driver; one
// thread.

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <sallyport/base/error.hpp>
#include <sallyport/base/virtual_path.hpp>
#include <sallyport/proto/client_side/protection.hpp>
#include <sallyport/proto/reply_writer.hpp>
#include <sallyport/proto/server_actions.hpp>
#include <sallyport/proto/server_data.hpp>
#include <sallyport/proto/server_deadlines.hpp>
#include <sallyport/proto/server_files.hpp>
#include <sallyport/proto/server_input.hpp>
#include <sallyport/proto/server_login.hpp>
#include <sallyport/proto/server_parameters.hpp>
#include <sallyport/proto/server_settings.hpp>
#include <sallyport/proto/server_transfer.hpp>

namespace sallyport::proto {

class server_machine {
public:
    explicit server_machine(server_settings settings);

    /// Sets the current time, before each of the inputs below. No deadline expires by this call.
    void set_time(session_time now) noexcept { deadlines_.set_time(now); }
    /// Sets the current time and handles expired deadlines: of a TLS handshake, the login, or an idle session (421).
    void time_passed(session_time now);

    void receive(std::string_view bytes);
    /// The greeting is the first reply, unless terminate() was called before.
    [[nodiscard]] server_action next();

    [[nodiscard]] const std::string& output() const noexcept { return replies_.output(); }
    /// Swaps output() with `into`, whose old content is discarded. For a driver that writes while further replies are added.
    void release_output(std::string& into) noexcept { replies_.release_output(into); }

    // ---- Outcomes

    void tls_started();
    void tls_failed();
    void tls_cleared();
    /// errc::login_refused, or the error that prevented a decision.
    void login_done(const result<void>& outcome, bool account_requires_tls = false);
    void passive_done(const result<endpoint>& advertised);
    void file_done(const result<file_result>& outcome);
    /// The deadline for the data connection, when everything else is ready for the transfer. If it is not established by
    /// then, the outcome of the transfer is errc::timeout.
    [[nodiscard]] session_deadline data_connection_deadline() const noexcept { return deadlines_.data(); }
    /// The data connection is established. The reply is 150 with `text` (without the code), or 125 if it was already open.
    void transfer_opened(std::string_view text);
    /// The transfer has ended. If it failed before the data connection was established (`data_connected` is false), the
    /// reply is 425, unless the error is that of a file. `data_persists`: the next transfer can use the data connection too
    /// (MODE B). Returns the code of the reply; 0 if there is none.
    int transfer_done(const result<transfer_outcome>& outcome, bool data_connected, bool data_persists = false);
    /// The client has closed its sending side. Its complete lines are executed, an incomplete line is not; then 221 is sent.
    void input_ended() noexcept { input_.set_ended(); }
    /// The driver ends the session: 421 with `text`. During a TLS handshake no reply can be sent and the call has no effect;
    /// the driver calls it again after the handshake.
    void terminate(std::string_view text);

    // ---- State, for the driver and the log

    [[nodiscard]] bool logged_in() const noexcept { return login_.logged_in(); }
    [[nodiscard]] bool transfer_running() const noexcept { return transfer_.running(); }
    [[nodiscard]] bool closing() const noexcept { return closing_; }
    /// The time when the client last sent bytes, or when its last command finished.
    [[nodiscard]] session_time last_activity() const noexcept { return deadlines_.last_activity(); }
    [[nodiscard]] const virtual_path& directory() const noexcept { return files_.directory(); }
    /// The code of the last reply.
    [[nodiscard]] int last_reply() const noexcept { return replies_.last_code(); }
    /// QUIT was received; it may be deferred until a transfer has finished.
    [[nodiscard]] bool quit_received() const noexcept { return input_.quit_received(); }
    /// The number of PORT and EPRT commands with another host or a port below 1024 (DC-01).
    [[nodiscard]] std::uint64_t bounce_attempts() const noexcept { return data_.bounce_attempts(); }
    /// The last of them.
    [[nodiscard]] const std::optional<data_request>& refused_target() const noexcept { return data_.refused_target(); }

    /// For SITE DOCTOR. `arrived`: for the passive port or the last data connection.
    [[nodiscard]] site_doctor_session doctor_session(data_sources arrived) const {
        return data_.doctor_session(settings_.peer, std::move(arrived));
    }

    /// Called with each complete line, for the log (S7): "> " and a command with secrets masked, or "< " and a reply. The
    /// text of the peer is not escaped. Set it once, before the first call of receive() or next().
    void set_trace(std::move_only_function<void(std::string_view line)> trace) { replies_.set_trace(std::move(trace)); }

    /// `handler` is called before each command is handled. Set it once, before the first call of receive() or next().
    void set_command_handler(std::move_only_function<void(verb id)> handler) { on_command_ = std::move(handler); }

private:
    /// The outcome that the machine waits for, except that of a transfer, during which commands are read.
    enum class awaited : std::uint8_t { nothing, tls, clear_tls, login, passive, file };

    void handle_line(const client_line& line);
    void dispatch(const command& c);
    // USER PASS ACCT REIN QUIT HOST
    void handle_login(const command& c);
    // AUTH PBSZ PROT CCC
    void handle_protection(const command& c);
    // TYPE STRU MODE REST RANG ALLO, PORT EPRT PASV EPSV, the transfers, ABOR
    void handle_transfer(const command& c);
    // FEAT HELP STAT SYST OPTS LANG SITE NOOP CLNT
    void handle_information(const command& c);
    void handle_step(server_files::step step);
    void start_transfer(std::expected<transfer_request, reply> request);
    void reset_login();
    void send_reply(const reply& r);
    void close_after(int code, std::string_view text);
    void act_on(server_action action, awaited answer);
    [[nodiscard]] session_phase phase() const noexcept;

    server_settings settings_;
    reply_writer replies_;
    server_deadlines deadlines_;
    server_input input_;
    client_protection protection_;
    server_login login_;
    server_parameters parameters_;
    server_data data_;
    server_transfer transfer_;
    server_files files_;
    // May be empty.
    std::move_only_function<void(verb id)> on_command_;
    // next() returns it first.
    std::optional<server_action> pending_action_;
    awaited awaited_ = awaited::nothing;
    bool greeted_ = false;
    bool closing_ = false;
    bool tls_failed_ = false;
};

}  // namespace sallyport::proto
