#pragma once
// The gateway's session as a value: a client on one leg, a backend (FTP server) on the other (G1, G3, G4).
//
// Nothing is forwarded unread. Every client line is parsed, decided on and written again; every reply is parsed, matched to
// the queue of pending commands, and written again. So client, gateway and backend agree on what was sent (GW-04),
// pipelining is safe, and a reply of the gateway's own takes its place in the order. A command that is not about data
// connections, TLS or the length of lines is forwarded with the same verb and argument.
//
// The machine joins a few values with state of their own: the client's lines (relay_client_lines), the login and its
// replay on another backend (relay_login), protection (relay_protection), the backend leg (relay_backend_leg), the
// negotiation of data connections (relay_negotiation), the transfer that runs (relay_transfer), the deadlines
// (relay_deadlines), and what is to be sent and done (relay_output). What the next line may do depends on the stage; the
// table of relay_transitions has all its transitions, and only advance() makes one.
//
// The driver feeds bytes of both legs, calls next() until it returns `idle`, and sends what collected for each leg. `idle`
// says by when the driver has to call time_passed(); the time is a value. No socket, no clock, no exception. The driver owns
// the machine; one thread.
//
// The backend is chosen before the machine starts, and then its greeting is the first reply, or at the login: then the
// gateway sends a greeting of its own and replies to what arrives before USER. Until the greeting is sent the driver reads
// nothing from the client (GW-01: the server speaks first).

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/proto/client_side/command_reader.hpp>
#include <sallyport/proto/command.hpp>
#include <sallyport/proto/path_records.hpp>
#include <sallyport/proto/relay_actions.hpp>
#include <sallyport/proto/relay_awaited.hpp>
#include <sallyport/proto/relay_backend_leg.hpp>
#include <sallyport/proto/relay_client_lines.hpp>
#include <sallyport/proto/relay_deadlines.hpp>
#include <sallyport/proto/relay_login.hpp>
#include <sallyport/proto/relay_negotiation.hpp>
#include <sallyport/proto/relay_output.hpp>
#include <sallyport/proto/relay_protection.hpp>
#include <sallyport/proto/relay_settings.hpp>
#include <sallyport/proto/relay_transfer.hpp>
#include <sallyport/proto/relay_transitions.hpp>
#include <sallyport/proto/reply.hpp>

namespace sallyport::proto {

class relay_machine {
public:
    /// `greeting`: the backend's. Without one a backend is chosen at each login; the settings know nothing of it yet.
    explicit relay_machine(relay_settings settings, const std::optional<reply>& greeting = std::nullopt);

    /// Sets the current time, before each input. No deadline expires by this call.
    void set_time(session_time now) noexcept { deadlines_.set_time(now); }
    /// Sets the current time and handles expired deadlines: of the login, an idle session, a reply of the backend, and a
    /// connection that the kernel should forward.
    void time_passed(session_time now);

    void from_client(std::string_view bytes);
    void from_backend(std::string_view bytes);
    [[nodiscard]] relay_action next();

    /// Swaps the unsent bytes with `out`, whose old content is discarded.
    void release_client_output(std::string& out) { out_.release_client_output(out); }
    void release_backend_output(std::string& out) { out_.release_backend_output(out); }
    [[nodiscard]] bool has_output(leg to) const noexcept {
        return to == leg::client ? out_.has_client_output() : out_.has_backend_output();
    }

    /// False while enough input or output is waiting: the driver must not read that leg. This changes after next() or after
    /// output was released.
    [[nodiscard]] bool can_read_client() const noexcept;
    [[nodiscard]] bool can_read_backend() const noexcept;

    /// An action's outcome, or what has happened to a connection.
    void report(const relay_report& what);

    [[nodiscard]] const relay_stages& stages() const noexcept { return stages_; }
    [[nodiscard]] bool closing() const noexcept { return stages_.now() == relay_stage::closing; }
    /// Who the client is: its user, before or after the login.
    [[nodiscard]] const relay_login& login() const noexcept { return login_; }
    /// What client and backend have negotiated for data.
    [[nodiscard]] const relay_negotiation& negotiation() const noexcept { return negotiation_; }
    /// If it is not connected, none has been selected yet, or it has failed between two commands.
    [[nodiscard]] const relay_backend_leg& backend() const noexcept { return backend_; }
    /// When one of the peers sent something, or a transfer ended.
    [[nodiscard]] session_time last_activity() const noexcept { return deadlines_.last_activity(); }
    /// QUIT has been read and may wait for its turn: the client may close its side without meaning to break off.
    [[nodiscard]] bool quit_received() const noexcept { return lines_.quit_received(); }

    /// Set once, before the first byte. Text is not escaped. `conversation`: every line too, as relay_note::said.
    void set_notes(std::move_only_function<void(relay_note kind, std::string_view text)> notes, bool conversation) {
        out_.set_notes(std::move(notes), conversation);
    }

    /// The same: called for each reply to a DELE, RMD, MKD or RNTO.
    void set_path_change_handler(std::move_only_function<void(const path_change&)> handler) {
        paths_.on_change = std::move(handler);
    }

private:
    // The client
    /// The next one that may be handled now.
    [[nodiscard]] std::optional<client_line> next_line();
    void handle_command(const command& cmd);
    void forward(const command& cmd);
    void follow(const login_step& step);
    void start_transfer(const command& cmd);
    /// 421 ends the session. `cmd`: nullptr where the line is no command.
    void refuse(const command* cmd, const local_reply& no);
    /// Resets the session before another login, for which a backend is selected again.
    void start_over();

    // The backend
    void on_reply(reply r);
    void on_relayed(std::size_t index, const reply& r, bool admitted);
    /// True if the failure can be hidden from the client: another backend is selected, now or at its next command.
    [[nodiscard]] bool fail_over();
    void connect_backend(const relay_backend& found);
    void close_backend(std::string_view reason);
    void violation(std::string_view what);

    // The stage
    /// The only place that changes the stage. Without an event the stage stays.
    void advance(std::optional<relay_event> event);
    void end_session(std::string_view text);

    // What the parts need to know of each other
    [[nodiscard]] negotiation_context context() noexcept;
    [[nodiscard]] reply_situation situation() const noexcept;
    [[nodiscard]] deadline_facts deadlines() const noexcept;
    void on_expired(expiry what);

    const relay_settings settings_;
    relay_stages stages_;
    relay_client_lines lines_;
    relay_login login_;
    relay_protection protection_;
    relay_backend_leg backend_;
    relay_negotiation negotiation_;
    relay_transfer transfer_;
    relay_deadlines deadlines_;
    path_records paths_;
    // RNFR was the client's last command that is known.
    bool rename_begun_ = false;
    relay_output out_;
};

}  // namespace sallyport::proto
