#pragma once
// The gateway's conversation as a value: a client in front, a backend (FTP server) behind (G1, G3, G4; DESIGN.md decision
// 2).
//
// Nothing passes unread. Every client line is parsed, decided and written anew; every reply is parsed, matched to the queue
// of pending commands, and written anew. So client, gateway and backend agree on what was said (GW-04), pipelining is safe,
// and a reply the gateway makes itself takes its place in the order. What is not about data connections, TLS or the length
// of lines passes with the same verb and argument.
//
// Data connections are negotiated on each leg by itself: in front as the client asks, behind as the settings have it
// (relay_methods.hpp), and each leg has a port of the gateway's own or is connected to (G8). An address inside the protocol
// is compared, never obeyed: the backend's and the client's addresses come from their sockets (GW-03).
//
// The driver feeds bytes of both legs, calls next() until it says `idle`, and sends what collected for each leg. `idle` says
// by when the driver has to come back; the time comes in as a value. No socket, no clock, no exception. One thread.
//
// The backend is chosen before the machine begins, and then its greeting is the first reply, or at the login
// (relay_login.cpp): the gateway greets by itself and answers what comes before USER. Until the greeting is sent the driver
// reads nothing from the client (GW-01: the server speaks first). A backend that fails during a login is replaced unseen by
// the client, as long as all that has to be said again is no secret; never after the login.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/proto/client_side/command_reader.hpp>
#include <sallyport/proto/client_side/data_requests.hpp>
#include <sallyport/proto/client_side/deferred_lines.hpp>
#include <sallyport/proto/client_side/protection.hpp>
#include <sallyport/proto/command.hpp>
#include <sallyport/proto/inside_addresses.hpp>
#include <sallyport/proto/path_records.hpp>
#include <sallyport/proto/pending_replies.hpp>
#include <sallyport/proto/relay_methods.hpp>
#include <sallyport/proto/relay_settings.hpp>
#include <sallyport/proto/reply.hpp>

namespace sallyport::proto {

/// How one leg's data connection comes about, seen from the gateway.
struct accept_on_port {};  // on the port that the driver reserved
struct connect_to {
    endpoint to;
};
using leg_setup = std::variant<accept_on_port, connect_to>;

/// One transfer: the driver joins the two legs, whichever way each of them comes about.
struct relay_plan {
    verb command = verb::retr;  // RETR STOR APPE STOU LIST NLST MLSD
    std::string argument;       // for the log
    bool upload = false;        // bytes flow from the client to the backend
    data_path_choice data_path{};
    leg_setup client;  // this and the next where it is relayed
    leg_setup backend;
    bool protect_client = false;  // TLS on the client's data connection (PROT P in front)
    bool protect_backend = false;
    std::chrono::milliseconds connect_limit{};       // for each leg; then data_ended() with `timed_out`
    std::chrono::milliseconds start_limit{};         // for confirm_data, before an active client is connected to; likewise
    data_method client_method = data_method::pasv;   // by the client, and ...
    data_method backend_method = data_method::pasv;  // ... of the backend; for the record
    std::string path{};                              // absolute, and ...
    std::string cwd{};                               // ... the session's directory; likewise
};

/// How the data path of a transfer ended.
enum class data_result : std::uint8_t {
    complete,                // the sender's end came in good order and all bytes before it were handed on
    client_timeout,          // nobody connected to the promised port, or the client's port did not answer: 425
    tls_session_not_reused,  // its TLS session is not that of the control connection (TLS-04): 522
    client_failed,           // cut, stalled or given up on the client's side: 426
    backend_connect_failed,  // the backend's data port did not take our connection, or the backend made none to ours: 425
    not_established,         // past the gateway: neither end got through to the other: 425
    backend_failed,          // cut on the backend's side: the backend's own words, or 426
    refused,                 // by the backend's final reply, before or while data moved
    aborted,                 // by ABOR: likewise
};

struct data_outcome {
    data_result result = data_result::complete;
    std::string reason{};  // a short reason for the client, where end != complete
    bool timed_out = false;
};

/// Whose data connection.
enum class leg : std::uint8_t { client, backend };

namespace relay_act {
struct idle {
    session_time until = session_time::max();
};  // send both outputs; read what wants_client() and wants_backend() allow -> time_passed() at `until` at the latest
struct reserve_port {
    leg on = leg::client;
    bool extended = false;  // EPSV: any address family will do; else an IPv4 address must be advertised
    bool protect = false;   // in front: PROT P is in force
    // Kernel forwarding: the other leg's port. Where the kernel refuses, the connection is accepted at the port instead.
    std::optional<endpoint> to{};
};  // reserve a port that admits this leg's peer alone -> port_reserved(); behind: at our end of the control connection
struct release_data {};  // give up all there is of the data path, by RST where connected. No answer, no data_ended()
struct open_data {
    relay_plan plan;
};  // begin: the backend's leg, then the client's; the client is connected to after confirm_data -> data_connected(),
    // data_ended(). What goes past the gateway is only to be known of: its end is that of the backend's replies
struct transfer_finished {
    int reply_code = 0;
    data_outcome data;  // as far as it is known here
};  // the client has its final reply. Once for each open_data, but where the session ends first
struct check_opening {};  // has the connection that the kernel forwards been established? Else data_ended(not_established)
struct suspect_backend {
    std::string reason;
};  // it owes a reply for too long: "did not reply in time"
struct find_backend {
    std::string user;
    std::string host;          // named by HOST, may be empty
    bool is_failover = false;  // of the present one, which failed; else of none, or of one that was for another user
};  // give up the backend there is; read and send nothing behind -> backend_found() or no_backend()
struct confirm_data {};  // the backend said 1xx: the transfer will take place
struct start_tls {
    leg on = leg::client;
};  // send what the leg is to hear, do the handshake -> client_, backend_tls_started(). Repeated until then
struct admit_user {
    std::string name;
};  // the backend has let this user in: is there room for another session of its? -> user_admitted()
struct end_tls {};  // send to_client, end TLS in front and go on in the clear -> client_tls_ended(). Repeated until then
struct start_passthrough {
};  // send to_client; from then on the legs' bytes are each other's. Repeated; there is nothing after it
struct close {};  // send to_client, then close both legs. Repeated
}  // namespace relay_act

using relay_action =
    std::variant<relay_act::idle, relay_act::reserve_port, relay_act::release_data, relay_act::open_data,
                 relay_act::confirm_data, relay_act::transfer_finished, relay_act::check_opening, relay_act::suspect_backend,
                 relay_act::start_tls, relay_act::end_tls, relay_act::admit_user, relay_act::find_backend,
                 relay_act::start_passthrough, relay_act::close>;

/// What is told to the log (G12).
enum class relay_note : std::uint8_t {
    line,            // a line of either side, secrets masked
    rewritten,       // a negotiation, as it came and as it went on
    refused,         // a command answered by the gateway itself with an error
    bounce_attempt,  // PORT or EPRT to a third party or a low port (DC-01)
    violation,       // a peer broke the protocol
    login_refused,   // the backend refused a login; for the count of such
    login_result,    // how a login ended, in words
    login_timeout,   // nobody logged in within the time for it; for the count of such
};

class relay_machine {
public:
    relay_machine(relay_settings settings, const reply& greeting);
    /// The backend is chosen at each login; the settings know nothing of it yet.
    explicit relay_machine(relay_settings settings);

    /// Before each of the inputs below: it is `now`. Nothing expires by that.
    void set_time(session_time now) noexcept { times_.now = now; }
    /// Likewise, and what has taken too long by then is over: the login, an idle session, a reply that the backend owes, a
    /// connection that the kernel was to forward (relay_waits.cpp).
    void time_passed(session_time now);

    void from_client(std::string_view bytes);
    void from_backend(std::string_view bytes);
    [[nodiscard]] relay_action next();

    /// Moves what is to be sent into `out`, whose old content is dropped and whose memory is used again.
    void release_client_output(std::string& out);
    void release_backend_output(std::string& out);
    [[nodiscard]] bool has_client_output() const noexcept { return !to_client_.empty(); }
    [[nodiscard]] bool has_backend_output() const noexcept { return !to_backend_.empty(); }

    /// False: enough is waiting, do not read that leg now. It turns true after next() or after an output was taken.
    [[nodiscard]] bool can_read_client() const noexcept;
    [[nodiscard]] bool can_read_backend() const noexcept;

    // Outcomes
    /// The endpoint to name to the leg's peer; behind, one of the backend's own address family. `led`: what comes there is
    /// led on without us; only where that was allowed.
    void port_reserved(const result<endpoint>& reserved, bool forwarded = false);
    /// Both TCP connections are there, before any TLS on the client's: now it may be told so (150). Where only TLS that the
    /// client begins after the 150 says whose its connection is: the backend's alone, and `client` is no endpoint yet.
    void data_connected(const endpoint& client);
    void data_ended(const data_outcome& outcome);
    /// `certified`: whom the client's certificate names, empty where that can be nobody; nothing without a certificate, or
    /// where it has no say.
    void client_tls_started(std::optional<std::string> certified = {});
    void client_tls_ended();
    void backend_tls_started();
    void user_admitted(bool yes);
    void backend_found(const relay_backend& found);
    /// There is none at the moment: 421 `why`. Or there is none for this user: its login will be refused.
    void no_backend(std::string_view why);
    void no_backend_for_user();
    /// The backend's control connection is gone: 426 where a transfer ran, then 421.
    void backend_closed(std::string_view why);
    /// The driver ends the session: it is shutting down (421 `text`).
    void terminate(std::string_view text);
    /// The client will say no more, in good order: what it has said is served to the last command, then it hears 221.
    void input_ended();

    /// False: it is yet to be found, or has failed and was not missed yet; its connection is of no use any more.
    [[nodiscard]] bool has_backend() const noexcept { return has_backend_; }
    [[nodiscard]] bool logged_in() const noexcept { return logged_in_; }
    /// As the client named itself last, before or after its login.
    [[nodiscard]] const std::string& user() const noexcept { return login_.user; }
    [[nodiscard]] bool transfer_running() const noexcept { return stage_ == stage::transfer; }
    /// When one of the peers was heard of, or a transfer ended.
    [[nodiscard]] session_time last_activity() const noexcept { return times_.activity; }
    [[nodiscard]] bool closing() const noexcept { return stage_ == stage::closing; }
    /// QUIT has been read and may wait for its turn: the client may close its side without meaning to break off.
    [[nodiscard]] bool quit_received() const noexcept { return reader_.quit_received(); }
    /// What was learned about the backend, for its next session.
    [[nodiscard]] method_set backend_refused_methods() const noexcept { return backend_.refused; }

    /// Set once, before the first byte. Text is not escaped. `conversation`: every line is told too, as relay_note::said.
    void set_notes(std::move_only_function<void(relay_note kind, std::string_view text)> notes, bool conversation) {
        notes_ = std::move(notes);
        tell_conversation_ = conversation;
    }

    /// Likewise: called for each answer to a DELE, RMD, MKD or RNTO.
    void set_path_change_handler(std::move_only_function<void(const path_change&)> handler) {
        paths_.on_change = std::move(handler);
    }

private:
    /// What the next client line may do. Only in `open` do commands pass freely; the others wait for one thing to end.
    enum class stage : std::uint8_t {
        open,
        selecting_backend,       // the driver's backend for a login
        awaiting_reply,          // the reply to a command that changes the session: nothing passes before it
        reserving_backend_port,  // the driver's port for the backend
        admitting,               // the driver's word on who has logged in
        negotiating,             // the backend's reply to our EPSV, PASV, EPRT or PORT
        reserving,               // the driver's port for the client
        transfer,                // ABOR and STAT pass, other commands are held
        awaiting_auth_reply,     // the backend's reply to our AUTH, which the client's waits for
        starting_backend_tls,    // TLS behind
        starting_client_tls,     // TLS in front
        ending_client_tls,       // the end of TLS in front
        passthrough,             // TLS that is not ours
        closing,
    };

    struct transfer_state {
        std::optional<reply> opening;       // its 1xx, held until the connections are there
        bool connected = false;             // they are
        std::string client;                 // the client's end of its own, for the 1xx
        std::optional<reply> final;         // the backend's word, held until the data path has ended
        std::optional<data_outcome> ended;  // the data path
        bool waited = false;                // long enough for a refusal that belongs to our failure
        bool answered = false;              // the client has its final reply
        data_path path = data_path::relay;
        session_time began{};
        bool opening_checked = false;  // where the kernel forwards
    };

    struct negotiation_state {
        data_method client_method = data_method::pasv;  // by the client
        data_path_choice path{};
        endpoint target;                    // of its PORT or EPRT
        std::vector<data_method> behind;    // what to ask the backend for; the first is under way
        std::optional<endpoint> own;        // the port that was promised to the backend
        endpoint named;                     // by the backend's 227
        std::optional<data_method> method;  // that the backend was asked for last
        bool direct_refused = false;        // by the backend, for this negotiation
        bool kernel_refused = false;
        leg_setup backend;
    };

    struct channel {
        data_path_choice path{};
        leg_setup client;
        leg_setup backend;
        data_method client_method = data_method::pasv;
        data_method backend_method = data_method::pasv;
    };

    struct login_state {
        bool chooses = false;                        // the backend, by whom it is for
        std::string user;                            // of the last USER
        command at;                                  // what may be said again: its USER, or its PASS where that is no secret
        std::string chosen_for;                      // the user that the present backend was found for
        std::string host;                            // of the last HOST
        std::vector<command> commands_before_login;  // HOST and OPTS: what another backend must hear before the login
        std::deque<command> replay;        // what this one is yet to hear; the client waits for the last one's reply
        bool no_backend_for_user = false;  // no backend is for this user
        bool failed = false;               // the backend has gone, and nobody has missed it yet
        bool login_refused = false;        // a login was refused: what follows may well be a backend's answer to guessing
    };

    // What the client says (relay_machine.cpp)
    [[nodiscard]] bool handle_next_line();
    [[nodiscard]] bool handle_line_during_transfer();
    [[nodiscard]] std::optional<client_line> read_line();
    void handle_line(const client_line& line);
    void refuse_line(const local_reply& no);
    void handle_command(const command& cmd);
    [[nodiscard]] session_stage login_stage() const noexcept;
    /// What came behind the command that is being obeyed.
    [[nodiscard]] std::size_t pending_bytes() const noexcept { return reader_.pending() + (deferred_.empty() ? 0 : 1); }
    void pass(const command& cmd);
    void abor(const command& cmd);

    // TLS on each leg (relay_tls.cpp)
    void auth(const command& cmd);
    void pbsz(const command& cmd);
    void prot(const command& cmd);
    void ccc(const command& cmd);
    void rein(const command& cmd);
    void restart_login();
    void protect_backend_data(std::string_view level, reply_kind kind);
    void on_auth(const reply& r);
    void on_protection(const reply& r, verb id);
    void on_level(const reply& r);

    // What the backend says (relay_machine.cpp)
    [[nodiscard]] bool take_reply();
    void on_reply(reply r);
    void on_relayed(std::size_t index, const reply& r);
    [[nodiscard]] bool must_be_admitted(const reply& r, verb id);
    void deliver_features(const reply& r);
    void hide_inside(reply& r, const pending_reply* asked) const;
    void deliver_opening(reply r);
    void query_directory(const command& cmd);
    void say_goodbye();

    // The login, and who serves it (relay_login.cpp)
    void before_login(const command& cmd);
    void host(const command& cmd);
    void forget_host();
    void early_opts(const command& cmd);
    void begin_login(const command& given);
    void password(const command& cmd);
    void seek(const command& cmd, bool instead);
    void lose_backend();
    [[nodiscard]] bool replace_backend();
    void say_next();
    void on_replayed(const reply& r);
    void remember(const command& cmd);
    void forget_login();
    void on_login(const reply& r, verb id);

    // Data connections (relay_data.cpp)
    void negotiate(const command& cmd);
    void ask_backend();
    void backend_port_reserved(const result<endpoint>& own, bool forwarded);
    void on_negotiation(const reply& r);
    void ask_by_next_method(const reply& refusal);
    [[nodiscard]] bool take_backend_leg(const reply& r);
    [[nodiscard]] bool data_in_clear() const noexcept { return !protection_.data() && !backend_protected_; }
    [[nodiscard]] data_path_facts path_facts() const noexcept;
    void apply_kernel_result(bool forwarded);
    void backend_leg_known();
    void negotiated(const endpoint& front);
    void give_up(int code, std::string_view text);
    void release_backend_port();
    void reset_channel();
    void drop_data();
    void transfer(const command& cmd);
    void on_transfer(reply r);
    void join_transfer();
    void clear_transfer();
    void finish_transfer();
    void mode(const command& cmd);

    // Replies that may never come (relay_waits.cpp)
    enum class awaited : std::uint8_t { nothing, refusal, word, rest_of_reply, probe };
    /// When what happened that deadlines count from.
    struct times_state {
        session_time now{};
        session_time activity{};
        session_time login_since{};
        session_time word = session_time::max();  // of the backend: due by then
        unsigned word_turn = 0;                   // what that belongs to
    };
    [[nodiscard]] session_time deadline() const noexcept;
    void keep_word_deadline() noexcept;
    [[nodiscard]] bool data_running() const noexcept;
    [[nodiscard]] bool awaits_login() const noexcept { return !logged_in_ && !pending_.empty(); }
    void expire_words();
    void expire_session();
    void backend_silent();
    [[nodiscard]] awaited what_is_awaited() const noexcept;
    [[nodiscard]] bool left_unanswered() const noexcept;
    [[nodiscard]] bool in_doubt() const noexcept;
    [[nodiscard]] bool passes_over(const reply& r) const noexcept;
    void give_up_replies();

    // Past the gateway (relay_direct.cpp)
    void try_direct();
    void direct_agreed();

    // Both ways
    void send_backend(const command& cmd, reply_kind kind);
    void deliver(const reply& r);
    void answer(int code, std::string_view text);
    void refuse(const command& cmd, int code, std::string_view text);
    void refuse(const command& cmd, const local_reply& no);
    void emit(const std::string& line);
    void forget(std::size_t index);
    void violation(std::string_view what);
    void end_session(std::string_view text);
    void said(std::string_view from, std::string_view line) {
        if (tell_conversation_) notes_(relay_note::line, std::string(from).append(line));
    }
    void note(relay_note kind, std::string_view text) {
        if (notes_) notes_(kind, text);
    }

    const relay_settings settings_;
    relay_backend backend_;
    bool refuses_client_address_ = false;  // the backend, in PORT and EPRT
    std::optional<std::string> certificate_user_;
    stage stage_ = stage::open;
    bool has_backend_ = true;
    bool logged_in_ = false;
    bool user_given_ = false;
    reply login_reply_;  // until the user is admitted
    bool backend_protected_ = false;
    bool backend_pbsz_accepted_ = false;
    bool input_ended_ = false;
    unsigned turn_ = 0;  // of what the backend owes: it changes where that has its time anew
    times_state times_;

    command_reader reader_;
    deferred_lines deferred_;
    client_protection protection_;
    data_requests data_requests_;
    reply_parser replies_;
    pending_replies pending_;
    std::vector<relay_action> actions_;  // not yet handed out, first first

    login_state login_;
    negotiation_state negotiation_;
    std::optional<channel> channel_;  // negotiated, not yet used
    transfer_state transfer_;
    inside_addresses inside_;
    path_records paths_;

    std::string to_client_;
    std::string to_backend_;
    std::move_only_function<void(relay_note, std::string_view)> notes_;
    bool tell_conversation_ = false;
};

}  // namespace sallyport::proto
