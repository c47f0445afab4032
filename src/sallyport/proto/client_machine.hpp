#pragma once
// The client's side of an FTP session as a value: login, data connection, transfer (RFC 959, 2228, 2428, 3659, 4217).
//
// The driver asks next() what to do, does it, and tells the outcome with the matching call; it sends output() before it
// waits for anything. Every wait carries its own limit. The first order, logging in, begins with construction; begin_...()
// gives another one once next() has said `done`. failure() then tells how it went.
// While data move (after `move_data`) the driver goes on asking next() and reading, so that a server's refusal ends a
// transfer at once and an early 226 is fine. No socket, no clock, no file, no exception; one thread.
//
// TLS that was asked for is a property of the machine: USER, PASS and ACCT can't leave it before TLS stands (TLS-03).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/proto/client_channel.hpp>
#include <sallyport/proto/command.hpp>
#include <sallyport/proto/data_method.hpp>
#include <sallyport/proto/feature_set.hpp>

namespace sallyport::proto {

/// What to do with the address in a 227: ignore it and connect to the control connection's peer, or obey it (C4, CL-01).
enum class passive_address : std::uint8_t { control, follow };

struct client_settings {
    endpoint local;  // of the control connection
    endpoint peer;
    bool tls_active = false;    // implicit TLS: protected from the first byte
    bool tls_required = false;  // nothing secret leaves before TLS stands
    bool protect_data = true;   // PROT P where TLS stands
    std::string user = "anonymous";
    std::string password;
    std::string account;  // for servers that ask for one (332)
    std::vector<data_method> methods{data_method::epsv, data_method::pasv, data_method::eprt, data_method::port};
    passive_address address_rule = passive_address::control;
    std::optional<ip_address> active_address;  // announced instead of our own, where NAT makes it differ
    std::chrono::milliseconds greeting = limits::greeting;
    std::chrono::milliseconds delayed_greeting = limits::login;  // after the first 120; more of them don't extend it
    std::chrono::milliseconds reply = limits::reply_wait;
    std::chrono::milliseconds data_open = std::chrono::seconds(8);  // per method tried
    std::chrono::milliseconds quit = std::chrono::seconds(1);
};

/// Where in a session something failed. `resolve`, `connect`, `local_file` and `listing` are for the driver to use.
enum class client_step : std::uint8_t {
    resolve,
    connect,
    greeting,
    tls,
    login,
    request,
    data,
    transfer,
    local_file,
    listing
};
[[nodiscard]] std::string_view name(client_step s) noexcept;

struct client_failure {
    client_step at = client_step::request;
    error cause;
    int reply_code = 0;   // where the server refused; 0: it didn't say anything
    std::string refusal;  // the reply that refused: its code and the text of all its lines
};

/// With the words of the server's refusal, where there is one.
[[nodiscard]] client_failure failure_at(client_step at, error cause, const reply* refusal);

/// One way that was tried to open a data connection.
struct data_attempt {
    data_method method = data_method::epsv;
    endpoint to;                   // passive: what we connected to; active: what we announced
    endpoint advertised;           // passive: what the server's reply named; differs from `to` behind a wrong NAT
    bool agreed = false;           // the server accepted the method; where it failed all the same, the network is to blame
    std::optional<error> failure;  // nothing: it worked
};

struct client_transfer {
    verb what = verb::retr;    // RETR STOR APPE LIST NLST MLSD
    std::string path;          // may be empty for listings
    std::uint64_t offset = 0;  // REST; for RETR and STOR
    bool ascii = false;        // TYPE A
};

namespace client_act {
/// Send output(), then read and receive(); lost() where nothing came. `limit` counts from the moment `turn` changed, not
/// from each read: a server that drips bytes doesn't extend it.
struct read {
    std::chrono::milliseconds limit;
    unsigned turn;
};
struct start_tls {};  // handshake, then tls_started() or lost()
struct connect_data {
    endpoint to;
    std::chrono::milliseconds limit;
};  // -> data_opened()
struct listen_data {};  // listen on the control connection's own address -> data_listening()
struct accept_data {
    std::chrono::milliseconds limit;
};  // the server was told where to and has begun: take its connection -> data_opened()
struct move_data {
    bool protect;
};  // start moving data, with TLS first where `protect`. Said once; data_done() when its side has ended
struct await_data {};  // the control connection has no more to say; only the end of the data is missing
struct drop_data {};   // the server gave the transfer up: close the data connection, then data_done()
struct done {};        // the order is over; see failure()
}  // namespace client_act

using client_action = std::variant<client_act::read, client_act::start_tls, client_act::connect_data,
                                   client_act::listen_data, client_act::accept_data, client_act::move_data,
                                   client_act::await_data, client_act::drop_data, client_act::done>;

class client_machine {
public:
    explicit client_machine(client_settings settings);

    // Orders
    void begin_transfer(client_transfer order);
    void begin_size(std::string path);  // -> size()
    /// One command that needs no data connection. Any final reply is an outcome: see last_reply().
    void begin_request(verb what, std::string argument);
    void begin_quit();  // never fails

    [[nodiscard]] client_action next();
    void receive(std::string_view bytes) { channel_.receive(bytes); }
    [[nodiscard]] const std::string& output() const noexcept { return channel_.output(); }
    void output_sent() noexcept { channel_.output_sent(); }

    // Outcomes
    void lost(const error& why);  // the control connection failed, or a limit passed
    void tls_started();
    void data_opened(const result<void>& outcome);
    void data_listening(const result<endpoint>& at);
    void data_done();

    // What there is to know
    [[nodiscard]] const std::optional<client_failure>& failure() const noexcept { return failure_; }
    /// The session can take another order.
    [[nodiscard]] bool usable() const noexcept { return !ended_; }
    [[nodiscard]] const reply& last_reply() const noexcept { return last_; }
    [[nodiscard]] const feature_set& features() const noexcept { return features_; }
    [[nodiscard]] const std::vector<data_attempt>& attempts() const noexcept { return attempts_; }
    /// Of the last begin_size(); nothing where the server can't or won't tell.
    [[nodiscard]] std::optional<std::uint64_t> size() const noexcept { return size_; }
    /// The reply to the last SIZE where it was no refusal and no number could be read in it; else empty.
    [[nodiscard]] const std::string& unreadable_size() const noexcept { return unreadable_size_; }
    /// What the 150 said in words: "... (5000 bytes)".
    [[nodiscard]] std::optional<std::uint64_t> announced() const noexcept { return announced_; }
    /// A final 2xx has come for the running or last transfer.
    [[nodiscard]] bool transfer_confirmed() const noexcept { return confirmed_; }

    void set_trace(std::move_only_function<void(std::string_view line)> trace) { channel_.set_trace(std::move(trace)); }

private:
    enum class step : std::uint8_t {
        idle,
        greeting,
        auth_tls,
        auth_ssl,
        handshake,
        user,
        pass,
        acct,
        pbsz,
        prot,
        feat,
        opts,   // logging in
        plain,  // begin_request()
        type,
        size,  // before a transfer
        negotiate,
        connecting,
        listening,
        accepting,
        unopened,
        rest,
        request,
        moving,  // the transfer
        quit,
    };

    void send(step then, std::string_view name, std::string_view argument = {});
    void on_answer(const answer& a);
    void on_greeting(const reply& r);
    void on_auth(const reply& r);
    void on_login(const reply& r);
    void on_protection(const reply& r);
    void on_feat(const reply& r);
    void on_type(const reply& r);
    void on_size(const reply& r);
    void on_negotiated(const reply& r);
    void on_request(const reply& r);
    void on_unopened(const reply& r);

    void begin(client_step expected_failure);
    void after_greeting();
    void after_login();
    void require_type(bool ascii);
    void after_type();
    void try_next_method(std::size_t from);
    void method_failed(error why, bool remember);
    void request_transfer();
    [[nodiscard]] result<endpoint> passive_target(const reply& r, endpoint& advertised) const;
    [[nodiscard]] bool skips(data_method m) const noexcept;
    [[nodiscard]] bool may_skip_silent_epsv() const noexcept;
    [[nodiscard]] std::optional<client_action> moving_action();
    [[nodiscard]] client_act::read read_action() const;
    [[nodiscard]] client_step failing_step() const noexcept;

    /// `refusal`: the reply that says so, where there is one.
    void fail_order(client_step at, error cause, const reply* refusal = nullptr);
    void end_session(client_step at, error cause, const reply* refusal = nullptr);
    void refuse(client_step at, errc code, std::string what, const reply& r);

    client_settings settings_;
    client_channel channel_;
    step step_ = step::greeting;
    unsigned turn_ = 0;
    bool delayed_ = false;  // a 120 has come
    bool tls_active_ = false;
    bool protected_ = false;  // PROT P stands
    bool ended_ = false;
    bool type_is_ascii_ = true;  // RFC 959 section 5.1: what a session begins with
    feature_set features_;
    reply last_;
    std::optional<client_failure> failure_;

    client_transfer order_;
    std::optional<std::string> size_path_;  // the order is a SIZE
    std::optional<std::uint64_t> size_;
    std::string unreadable_size_;
    bool size_unknown_to_server_ = false;
    std::optional<std::uint64_t> announced_;
    std::vector<data_attempt> attempts_;
    std::size_t method_ = 0;  // index in settings_.methods
    method_set gone_wrong_;   // not to try again in this session
    bool told_to_move_ = false;
    bool data_over_ = false;
    bool control_over_ = false;  // final reply or loss, while moving
    bool confirmed_ = false;
};

}  // namespace sallyport::proto
