#pragma once
// The client's side of an FTP session as a value: login, commands, data connections, transfers (RFC 959, 2228, 2428, 3659,
// 4217).
//
// Orders form a queue and are carried out in the order they were given; the first one, logging in, begins with construction.
// Requests that follow each other are sent together, and each reply is routed to its own (client_channel). A transfer, which
// needs a data connection, begins when all before it is over; while its data move, send_noop() and abort_transfer() may be
// called. The driver asks next() what to do, does it, and tells the outcome with the matching call; it sends output() before
// it waits for anything. Every wait carries its own limit. next() says `done` when the queue is empty; failure() then tells
// how the last order went.
// While data move (after `move_data`) the driver goes on asking next() and reading, so that a server's refusal ends a
// transfer at once and an early 226 is fine. No socket, no clock, no file, no exception; one thread.

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <sallyport/proto/client_channel.hpp>
#include <sallyport/proto/client_login.hpp>
#include <sallyport/proto/client_settings.hpp>
#include <sallyport/proto/data_negotiation.hpp>

namespace sallyport::proto {

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
struct transfer_data {
    bool protect;
};  // start moving data, with TLS first where `protect`. Said once; data_done() when its side has ended
struct await_data {};  // the control connection has no more to say; only the end of the data is missing
struct close_data {};  // the server gave the transfer up: close the data connection, then data_done()
struct done {};        // the order is over; see failure()
}  // namespace client_act

using client_action = std::variant<client_act::read, client_act::start_tls, client_act::connect_data,
                                   client_act::listen_data, client_act::accept_data, client_act::transfer_data,
                                   client_act::await_data, client_act::close_data, client_act::done>;

class client_machine {
public:
    using operation_id = unsigned;

    explicit client_machine(client_settings settings);

    // Orders
    /// Where the settings let the first order end before the login.
    operation_id queue_login();
    operation_id queue_transfer(client_transfer what);
    operation_id queue_size(std::string path);  // -> size()
    /// One command that needs no data connection. Any final reply is an outcome: see reply_to() and last_reply().
    operation_id queue_request(verb command, std::string argument);
    operation_id queue_quit();  // never fails

    // While data move; else these do nothing
    /// Shows everybody on the way that the control connection is in use. No second one before the reply to the first.
    void send_noop();
    /// ABOR. The session is in step again at the end: a NOOP is sent behind the reply to the transfer, since some servers
    /// answer ABOR with a reply of its own and others don't.
    void abort_transfer();

    [[nodiscard]] client_action next();
    void receive(std::string_view bytes) { channel_.receive(bytes); }
    [[nodiscard]] const std::string& output() const noexcept { return channel_.output(); }
    void output_sent() noexcept { channel_.output_sent(); }

    // Outcomes
    void connection_failed(const error& why);  // the control connection failed, or a limit passed
    void tls_started();
    void data_opened(const result<void>& outcome);
    void data_listening(const result<endpoint>& at);
    void data_done();

    // What there is to know
    /// Of the order that was carried out last.
    [[nodiscard]] const std::optional<client_failure>& failure() const noexcept { return failure_; }
    /// To a request, until another order is given after all are over; nothing where none came.
    [[nodiscard]] const reply* reply_to(operation_id request) const noexcept;
    /// The session can take another order.
    [[nodiscard]] bool usable() const noexcept { return !ended_; }
    /// What the session is at; where it fails now, it fails there.
    [[nodiscard]] client_step at() const noexcept;
    [[nodiscard]] const reply& last_reply() const noexcept { return last_; }
    [[nodiscard]] const reply& greeting() const noexcept { return login_.greeting(); }
    [[nodiscard]] const feature_set& features() const noexcept { return login_.features(); }
    [[nodiscard]] const std::vector<data_attempt>& attempts() const noexcept { return negotiation_.attempts(); }
    /// Of the last begin_size(); nothing where the server can't or won't tell.
    [[nodiscard]] std::optional<std::uint64_t> size() const noexcept { return size_.value; }
    /// The reply to the last SIZE where it was no refusal and no number could be read in it; else empty.
    [[nodiscard]] const std::string& unreadable_size() const noexcept { return size_.unreadable; }
    /// What the 150 said in words: "... (5000 bytes)".
    [[nodiscard]] std::optional<std::uint64_t> announced() const noexcept { return transfer_.announced; }
    /// A final 2xx has come for the running or last transfer.
    [[nodiscard]] bool transfer_confirmed() const noexcept { return transfer_.confirmed; }

    void set_trace(std::move_only_function<void(std::string_view line)> trace) { channel_.set_trace(std::move(trace)); }

private:
    enum class step : std::uint8_t {
        idle,
        login,
        handshake,
        plain,  // requests are in flight
        type,
        size,
        negotiate,
        connecting,
        listening,
        accepting,
        unopened,
        rest,
        request,
        moving,
        resync,  // after ABOR: NOOP is in flight
        quit,
    };

    struct login_task {};
    struct size_task {
        std::string path;
    };
    struct request_task {
        verb command;
        std::string argument;
    };
    struct quit_task {};
    struct operation {
        operation_id id;
        std::variant<login_task, client_transfer, size_task, request_task, quit_task> task;
    };
    struct size_state {
        std::string path;
        std::optional<std::uint64_t> value;
        std::string unreadable;
        bool is_asked = false;  // the running order
        bool unknown_to_server = false;
    };
    struct transfer_state {
        client_transfer request;
        std::optional<std::uint64_t> announced;
        bool data_started = false;
        bool data_finished = false;
        bool control_finished = false;  // final reply or loss, while moving
        bool confirmed = false;
        bool aborted = false;
    };

    operation_id queue(decltype(operation::task) task);
    void start_operations();
    void start(operation o);
    void start_request(operation_id id, const request_task& what);
    void perform(login_action action);

    void send(step then, std::string_view name, std::string_view argument = {});
    [[nodiscard]] result<void> send_during_transfer(verb id);
    void on_reply(const command_reply& a);
    void on_plain(const command_reply& a);
    void on_reply_during_transfer(const command_reply& a);
    void on_type(const reply& r);
    void on_size(const reply& r);
    void on_negotiated(const reply& r);
    void on_rest(const reply& r);
    void on_request(const reply& r);
    void on_unopened(const reply& r);

    void require_type(bool ascii);
    void after_type();
    void try_method(bool there_is_one);
    void method_failed(error why, bool remember);
    void request_transfer();
    [[nodiscard]] std::optional<client_action> local_action();
    [[nodiscard]] std::optional<client_action> moving_action();
    [[nodiscard]] client_act::read read_action() const;

    /// `refusal`: the reply that says so, where there is one.
    void fail_operation(client_step at, error cause, const reply* refusal = nullptr);
    void end_session(client_step at, error cause, const reply* refusal = nullptr);
    void refuse(errc code, std::string detail, const reply& r);
    void stop_accepting();
    void check_after_transfer();

    const client_settings settings_;
    client_channel channel_;
    client_login login_;
    data_negotiation negotiation_;
    std::deque<operation> operations_;  // not begun yet
    operation_id last_id_ = 0;
    std::size_t in_flight_ = 0;  // requests
    std::vector<std::pair<operation_id, reply>> replies_;
    step step_ = step::login;
    unsigned turn_ = 0;
    bool ended_ = false;         // it takes no more orders; after a refused login still QUIT
    bool closed_ = false;        // nor that
    bool type_is_ascii_ = true;  // RFC 959 section 5.1: what a session begins with
    reply last_{0, {std::string()}};
    std::optional<client_failure> failure_;
    size_state size_;
    transfer_state transfer_;
};

}  // namespace sallyport::proto
