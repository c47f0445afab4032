#pragma once
// The server's side of a control connection as a value (RFC 959, 2228, 2389, 2428, 2640, 3659, 4217, 7151).
//
// The driver feeds bytes with receive(), asks next() what to do, does it, and tells the outcome with the matching call;
// replies collect in output(). No socket, no clock, no file, no exception. One action is outstanding at a time; the only
// exception is a running transfer, during which next() goes on to ask for input (ABOR, STAT, and what must wait).
// The driver sends output() before it waits for anything, and before start_tls, clear_tls, close and open_data.
// One thread.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/base/virtual_path.hpp>
#include <sallyport/proto/block_mode.hpp>
#include <sallyport/proto/client_side/command_reader.hpp>
#include <sallyport/proto/client_side/data_requests.hpp>
#include <sallyport/proto/client_side/deferred_lines.hpp>
#include <sallyport/proto/client_side/protection.hpp>
#include <sallyport/proto/command.hpp>
#include <sallyport/proto/data_method.hpp>
#include <sallyport/proto/failure_reply.hpp>
#include <sallyport/proto/listing.hpp>
#include <sallyport/proto/session_time.hpp>

namespace sallyport::proto {

struct server_settings {
    std::string greeting = "Sallyport ready.";
    endpoint local;  // of the control connection
    endpoint peer;
    bool tls_active = false;     // implicit TLS: the connection is protected from its first byte
    bool tls_available = false;  // AUTH TLS is offered
    bool tls_required = false;   // named users need TLS (530 to USER before it) and PROT P (521)
    bool anonymous_allowed = false;
    bool passive_allowed = true;  // S9
    bool active_allowed = true;
    bool ccc_allowed = false;  // TLS-06
    std::chrono::milliseconds idle_timeout = limits::idle_timeout;
    std::chrono::milliseconds login_timeout = limits::login_timeout;
    session_time now{};  // when the client connected: the login has its time from then on
};

enum class data_type : std::uint8_t { ascii, image };
enum class protection : std::uint8_t { clear, private_ };

struct data_target {
    endpoint address;
    data_method method = data_method::port;
};
struct passive_port {
    data_method method = data_method::pasv;
};
struct persistent_data {};
/// How the next data connection is made: not negotiated, passive on the port the driver reserved, active, or not at all
/// since the one before stands (MODE B).
using data_setup = std::variant<std::monostate, passive_port, data_target, persistent_data>;

/// One thing that a listing's argument may name.
struct list_name {
    virtual_path path;
    std::string text;  // as the client wrote it
};

struct transfer_request {
    verb command = verb::retr;                 // RETR STOR APPE STOU LIST NLST MLSD
    virtual_path path{};                       // STOU: the directory or the suggested name
    std::vector<list_name> names{};            // listings: the first of these that exists is meant, before path and pattern
    std::string pattern{};                     // listings: wildcard of the last component, empty where none
    std::string prefix{};                      // NLST: what stands before each name, so that RETR takes it (RFC 959)
    bool show_hidden = false;                  // LIST -a
    std::uint64_t offset = 0;                  // REST
    std::optional<std::uint64_t> announced{};  // ALLO
    data_type type = data_type::ascii;
    transfer_mode mode = transfer_mode::stream;
    protection protect = protection::clear;
    data_setup data{};
    fact_set facts{};  // MLSD
};

struct login_request {
    std::string user;
    std::string password;
    bool anonymous = false;
    bool protected_by_tls = false;
};

/// CWD, CDUP, DELE, RMD, MKD, SIZE, MDTM, MLST, MFMT, STAT with a path, and RNFR (exists?) and RNTO.
struct file_request {
    verb command = verb::cwd;
    virtual_path path{};
    virtual_path from{};                        // RNTO
    std::int64_t modified = 0;                  // MFMT
    fact_set facts{};                           // MLST
    std::optional<transfer_request> listing{};  // STAT: what LIST would be asked for
};

/// What a file_request found; only the fields that its verb needs.
struct file_result {
    std::uint64_t size = 0;          // SIZE
    std::int64_t modified = 0;       // MDTM
    std::string line;                // MLST: as mlst_line() made it
    std::vector<std::string> lines;  // STAT with a path: the listing
};

struct transfer_outcome {
    std::uint64_t bytes = 0;
    std::string note;  // STOU: the name that was chosen; else an addition to the 226
};

namespace act {
struct need_input {
    session_time until = session_time::max();
};  // send output(), then read -> time_passed() at `until` at the latest
struct send {};       // send output(), then ask again: many replies have gathered
struct paused {};     // send output(); do not read: enough is held back until the transfer has ended
struct start_tls {};  // send output(), then do the handshake, then tls_started()
struct clear_tls {};  // send output(), then end TLS on the control connection, then tls_cleared()
struct check_login {
    login_request request;
};  // -> login_done()
struct open_passive {
    bool extended = false;  // EPSV: only the port is told, so no outside address is needed
    bool protect = false;   // PROT P is in force
};  // reserve a port in place of what was held before, port or connection -> passive_done()
struct release_data {};  // release a reserved port, close a standing data connection: it was replaced or is over. No answer
struct run_file {
    file_request request;
};  // -> file_done()
struct start_transfer {
    transfer_request request;
};  // -> transfer_opened()?, transfer_done()
struct login_timed_out {};  // nobody logged in within the time for it; for the count of such
struct abort_transfer {};   // give the running transfer up; it still ends with transfer_done()
struct close {};            // send output(), then close in good order
}  // namespace act

using server_action = std::variant<act::need_input, act::send, act::paused, act::start_tls, act::clear_tls, act::check_login,
                                   act::open_passive, act::release_data, act::run_file, act::start_transfer,
                                   act::login_timed_out, act::abort_transfer, act::close>;

class server_machine {
public:
    explicit server_machine(server_settings settings);

    /// Before each of the inputs below: it is `now`. Nothing expires by that.
    void set_time(session_time now) noexcept { now_ = now; }
    /// Likewise, and what has taken too long by then is over: the login, or an idle session (421).
    void time_passed(session_time now);

    void receive(std::string_view bytes);
    /// The greeting is the first thing that this puts into output(), unless expire() came before.
    [[nodiscard]] server_action next();

    [[nodiscard]] const std::string& output() const noexcept { return output_; }
    void output_sent() noexcept;
    /// Swaps output() into `into`, whose old content is dropped: for a driver that writes while more may gather.
    void release_output(std::string& into) noexcept;

    // Outcomes
    void tls_started();
    void tls_cleared();
    void login_done(const result<void>& outcome);  // errc::login_refused, or what kept us from deciding
    void passive_done(const result<endpoint>& advertised);
    void file_done(const result<file_result>& outcome);
    /// There is a data connection: 150 with `text` (without the code), 125 where it stood before.
    void transfer_opened(std::string_view text);
    /// How the transfer ended. Where it failed and `data_connected` is false the data connection is to blame (425), unless
    /// the error is the file's own. `data_stands`: the data connection can carry the next transfer too (MODE B).
    /// Returns the code of its reply; 0 where there is none.
    int transfer_done(const result<transfer_outcome>& outcome, bool data_connected, bool data_persists = false);
    /// The client has ended its direction: what it has sent until then is served, a line without its end is not; then 221.
    void input_ended() noexcept { input_ended_ = true; }
    /// The driver ends the session: idle, shutting down, too many (421 `text`).
    void terminate(std::string_view text);

    // What the driver and the log want to know
    [[nodiscard]] bool logged_in() const noexcept { return login_.done; }
    [[nodiscard]] const std::string& user() const noexcept { return login_.user; }
    [[nodiscard]] bool transfer_running() const noexcept { return transfer_running_; }
    [[nodiscard]] bool closing() const noexcept { return closing_; }
    /// When the client was last heard of, or what it asked for was done.
    [[nodiscard]] session_time last_activity() const noexcept { return activity_; }
    [[nodiscard]] const virtual_path& directory() const noexcept { return login_.directory; }
    /// The code of the last reply.
    [[nodiscard]] int last_reply() const noexcept { return last_reply_; }
    /// QUIT has been read, and may wait for the transfer.
    [[nodiscard]] bool quit_received() const noexcept { return reader_.quit_received(); }
    /// PORT and EPRT that named a third party or a low port (DC-01).
    [[nodiscard]] std::uint64_t bounce_attempts() const noexcept { return bounce_attempts_; }

    /// The log's view of the conversation (S7): called with each complete line, "> " commands with secrets masked, "< "
    /// replies. Raw peer text: escape it. Set once, before the first call of receive() or next().
    void set_trace(std::move_only_function<void(std::string_view line)> trace) { trace_ = std::move(trace); }

private:
    using handler = void (server_machine::*)(const command&);
    struct route;
    static const route routes[];

    /// What REIN and AUTH TLS set back to the beginning (TLS-01): nothing said before is known afterwards.
    struct login_state {
        std::string user;
        bool named = false;  // USER was accepted
        bool anonymous = false;
        bool done = false;
        virtual_path directory;
        data_type type = data_type::ascii;
        transfer_mode mode = transfer_mode::stream;
        std::optional<virtual_path> rename_from;  // RNFR was accepted, RNTO must be the very next command
        std::uint64_t restart_at = 0;
        std::optional<std::uint64_t> announced;  // ALLO
        fact_set facts;
    };

    /// What MFMT asks for, and MDTM perhaps.
    struct time_to_set {
        std::int64_t time = 0;
        std::string name;
        [[nodiscard]] static std::optional<time_to_set> parse(std::string_view argument);
    };

    /// The outcome that the driver owes us. A transfer is not among them: it runs beside the conversation.
    enum class awaited : std::uint8_t { nothing, tls, clear_tls, login, passive, file };

    // The loop (server_machine.cpp)
    [[nodiscard]] std::optional<client_line> read_line();
    bool handle_next_line();
    bool handle_line_during_transfer();
    void handle_line(const client_line& line);
    void dispatch(const command& c);
    /// What came behind the command that is being obeyed.
    [[nodiscard]] std::size_t pending_bytes() const noexcept { return reader_.pending() + (deferred_.empty() ? 0 : 1); }
    [[nodiscard]] session_stage stage() const noexcept;
    [[nodiscard]] bool is_offered(verb id) const noexcept;
    void send_reply(int code, std::string_view text);
    void send_reply(const local_reply& r);
    void send_reply(int code, std::string_view first, const std::vector<std::string>& inner, std::string_view last);
    void send_reply(const error& cause, verb command, data_stage stage = data_stage::not_connected);
    void finish_reply(std::size_t from);
    void close_after(int code, std::string_view text);
    void act_on(server_action action, awaited answer);
    [[nodiscard]] std::optional<virtual_path> path_of(const command& c);
    [[nodiscard]] session_time deadline() const noexcept;
    void note_activity() noexcept;

    // Login and protection (server_machine_login.cpp)
    void on_user(const command& c);
    void on_pass(const command& c);
    void on_acct(const command& c);
    void on_rein(const command& c);
    void on_quit(const command& c);
    void on_host(const command& c);
    void on_auth(const command& c);
    void on_pbsz(const command& c);
    void on_prot(const command& c);
    void on_ccc(const command& c);
    void reset_login();
    [[nodiscard]] bool needs_tls_first() const noexcept { return settings_.tls_required && !protection_.tls(); }
    [[nodiscard]] bool data_must_be_protected() const noexcept { return settings_.tls_required && !login_.anonymous; }

    // Files and directories (server_machine_files.cpp)
    void on_pwd(const command& c);
    void on_path(const command& c);  // CWD DELE RMD MKD SIZE RNFR
    void on_cdup(const command& c);
    void on_mlst(const command& c);
    void on_mdtm(const command& c);
    void on_mfmt(const command& c);
    void set_time(const time_to_set& wanted);
    void on_rnto(const command& c);
    void on_smnt(const command& c);
    void run_file(file_request request);

    // Data connections and transfers (server_machine_transfer.cpp)
    void on_type(const command& c);
    void on_stru(const command& c);
    void on_mode(const command& c);
    void on_data_request(const command& c);  // PORT EPRT PASV EPSV
    void on_rest(const command& c);
    void on_allo(const command& c);
    void on_file_transfer(const command& c);                                     // RETR STOR APPE STOU
    void on_listing(const command& c);                                           // LIST NLST MLSD
    [[nodiscard]] std::optional<transfer_request> listing_of(const command& c);  // and STAT
    void on_abor(const command& c);
    void drop_negotiation();
    void release_persistent_data();
    void open_passive(data_method method);
    void start_transfer(transfer_request request);

    // Information (server_machine_info.cpp)
    void on_feat(const command& c);
    void on_help(const command& c);
    void on_stat(const command& c);
    void on_syst(const command& c);
    void on_opts(const command& c);
    void on_lang(const command& c);
    void on_site(const command& c);
    void on_noop(const command& c);
    void on_clnt(const command& c);
    void list_verbs(std::string_view first);

    server_settings settings_;
    std::move_only_function<void(std::string_view line)> trace_;
    command_reader reader_;
    deferred_lines deferred_;
    client_protection protection_;
    data_requests data_requests_;
    std::string output_;

    session_time now_;
    session_time activity_ = now_;
    session_time login_since_ = now_;  // a login has its time from then on

    login_state login_;
    data_setup data_;
    file_request file_;                            // being run
    std::optional<time_to_set> time_to_set_;       // where file_ is MDTM and finds nothing of the whole name
    verb transfer_ = verb::unknown;                // running
    std::optional<server_action> pending_action_;  // next() gives it before anything else
    std::uint64_t bounce_attempts_ = 0;
    int failed_logins_ = 0;
    int last_reply_ = 0;
    awaited awaited_ = awaited::nothing;
    data_method passive_method_ = data_method::pasv;  // that passive_done() answers
    bool greeted_ = false;
    bool release_pending_ = false;  // the driver still holds a passive port or a data connection that is not wanted any more
    bool transfer_running_ = false;
    bool was_persistent_ = false;  // before the running transfer
    bool abort_requested_ = false;
    bool input_ended_ = false;
    bool closing_ = false;
};

}  // namespace sallyport::proto
