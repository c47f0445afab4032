#pragma once
// The server's side of a control connection as a value (RFC 959, 2228, 2389, 2428, 2640, 3659, 4217, 7151).
//
// The driver feeds bytes with receive(), asks next() what to do, does it, and reports the outcome with the matching call;
// replies collect in output(). No socket, no clock, no file, no exception. One action is outstanding at a time; the only
// exception is a running transfer, during which next() goes on to ask for input (ABOR, STAT, and what must wait).
// The driver sends output() before it waits for anything, and before start_tls, clear_tls, close and open_data. The machine
// gives the deadline of each wait, the driver reports that it has passed, and the machine decides what follows.
//
// The machine joins values that each have a subject: the lines (server_input), the login (server_login), TLS
// (client_side/protection), transfer parameters (server_parameters), the negotiated data connection (server_data), the
// running transfer (server_transfer), directories and files (server_files), what FEAT and HELP say (server_information),
// deadlines (server_deadlines), and the replies on their way out (reply_writer). Owned by its driver; one thread.

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

    /// Before each of the inputs below: it is `now`. Nothing expires by that.
    void set_time(session_time now) noexcept { deadlines_.set_time(now); }
    /// Likewise, and what has taken too long by then is over: a TLS handshake, the login, or an idle session (421).
    void time_passed(session_time now);

    void receive(std::string_view bytes);
    /// The greeting is the first reply, unless expire() came before.
    [[nodiscard]] server_action next();

    [[nodiscard]] const std::string& output() const noexcept { return replies_.output(); }
    /// Swaps output() into `into`, whose old content is dropped: for a driver that writes while more may gather.
    void release_output(std::string& into) noexcept { replies_.release_output(into); }

    // Outcomes
    void tls_started();
    void tls_failed();
    void tls_cleared();
    /// errc::login_refused, or what kept us from deciding.
    void login_done(const result<void>& outcome);
    void passive_done(const result<endpoint>& advertised);
    void file_done(const result<file_result>& outcome);
    /// Everything but the data connection is ready for the running transfer. Returns until when the driver waits for it; if
    /// none is established by then, the outcome of the transfer is errc::timeout.
    [[nodiscard]] session_deadline data_connection_deadline() const noexcept { return deadlines_.data(); }
    /// The data connection is established: 150 with `text` (without the code), or 125 if it was open before.
    void transfer_opened(std::string_view text);
    /// The transfer has ended. If it failed before the data connection was established (`data_connected` is false), the
    /// reply is 425, unless the error is that of a file. `data_persists`: the next transfer can use the data connection too
    /// (MODE B). Returns the code of the reply; 0 if there is none.
    int transfer_done(const result<transfer_outcome>& outcome, bool data_connected, bool data_persists = false);
    /// The client has ended its direction. The lines that it has sent are served, an incomplete line is not; then 221.
    void input_ended() noexcept { input_.set_ended(); }
    /// The driver ends the session by 421 with `text`. During a TLS handshake no reply can be sent, and this has no effect:
    /// the driver calls it again after the handshake.
    void terminate(std::string_view text);

    // State, for the driver and the log
    [[nodiscard]] bool logged_in() const noexcept { return login_.logged_in(); }
    [[nodiscard]] bool transfer_running() const noexcept { return transfer_.running(); }
    [[nodiscard]] bool closing() const noexcept { return closing_; }
    /// When the client last sent something, or what it asked for was done.
    [[nodiscard]] session_time last_activity() const noexcept { return deadlines_.last_activity(); }
    [[nodiscard]] const virtual_path& directory() const noexcept { return files_.directory(); }
    /// The code of the last reply.
    [[nodiscard]] int last_reply() const noexcept { return replies_.last_code(); }
    /// QUIT has been received, and may wait for the end of a transfer.
    [[nodiscard]] bool quit_received() const noexcept { return input_.quit_received(); }
    /// PORT and EPRT that named a third party or a low port (DC-01).
    [[nodiscard]] std::uint64_t bounce_attempts() const noexcept { return data_.bounce_attempts(); }

    /// The log's view of the conversation (S7): called with each complete line, "> " commands with secrets masked, "< "
    /// replies. Raw peer text: escape it. Set once, before the first call of receive() or next().
    void set_trace(std::move_only_function<void(std::string_view line)> trace) { replies_.set_trace(std::move(trace)); }

private:
    /// The outcome that the machine waits for. Not that of a transfer: commands are read while it runs.
    enum class awaited : std::uint8_t { nothing, tls, clear_tls, login, passive, file };

    void handle_line(const client_line& line);
    void dispatch(const command& c);
    // USER PASS ACCT REIN QUIT HOST
    void handle_login(const command& c);
    // AUTH PBSZ PROT CCC
    void handle_protection(const command& c);
    // TYPE STRU MODE REST ALLO, PORT EPRT PASV EPSV, the transfers, ABOR
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
    // next() gives it before anything else.
    std::optional<server_action> pending_action_;
    awaited awaited_ = awaited::nothing;
    bool greeted_ = false;
    bool closing_ = false;
    bool tls_failed_ = false;
};

}  // namespace sallyport::proto
