#pragma once
// The client side of an FTP session: login, commands, data connections and transfers (RFC 959, 2228, 2428, 3659, 4217).
//
// Operations form a queue and are executed in order; the first one, the login, starts at construction. Consecutive requests
// are sent together, and client_channel assigns each reply to its request. A transfer needs a data connection and starts
// when all earlier operations have finished.
//
// The driver calls next(), performs the action, and reports the outcome with the matching call; it sends output() before it
// waits for anything. Each wait has a time limit. next() returns `done` when the queue is empty; failure() then has the
// result of the last operation. While data is transferred (after `transfer_data`) the driver continues to call next() and to
// read, so that a refusal ends a transfer immediately and an early 226 is accepted; send_noop() and abort_transfer() may be
// called then.
//
// With client_transfer::prepare_next, the server gets a transfer and the next EPSV or PASV in one segment, and reads the
// latter when the transfer has ended; then the next transfer is requested while its data connection is established. A server
// that answers in another order, or refuses what follows a transfer, ends the session: its replies cannot be assigned.
//
// A value without sockets, clocks, files and exceptions. Owned by its driver; one thread.

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
/// Send output(), then read and call receive(), or connection_failed() after a timeout. `limit` counts from the last change
/// of `turn`, not from each read, so that a server that sends single bytes does not extend it.
struct read {
    std::chrono::milliseconds limit;
    unsigned turn;
};
/// Do the TLS handshake, then call tls_started() or connection_failed().
struct start_tls {};
/// Open the data connection, then call data_opened().
struct connect_data {
    endpoint to;
    std::chrono::milliseconds limit;
};
/// Listen on the local address of the control connection, then call data_listening().
struct listen_data {};
/// Accept the server's data connection, then call data_opened(). The server has accepted the request.
struct accept_data {
    std::chrono::milliseconds limit;
};
/// Start to transfer data, with TLS if `protect`. Returned once; call data_done() when the data connection has ended.
struct transfer_data {
    bool protect;
};
/// Wait for the end of the data connection; no more replies are expected.
struct await_data {};
/// The server has refused or ended the transfer: close the data connection, then call data_done().
struct close_data {};
/// All operations have finished; see failure().
struct done {};
}  // namespace client_act

using client_action = std::variant<client_act::read, client_act::start_tls, client_act::connect_data,
                                   client_act::listen_data, client_act::accept_data, client_act::transfer_data,
                                   client_act::await_data, client_act::close_data, client_act::done>;

class client_machine {
public:
    using operation_id = unsigned;

    explicit client_machine(client_settings settings);

    // ---- Operations

    /// For settings with which the first operation ends before the login.
    operation_id queue_login();
    operation_id queue_transfer(client_transfer transfer);
    /// The result is size().
    operation_id queue_size(std::string path);
    /// One command without a data connection. Any final reply is a success; see reply_to() and last_reply().
    operation_id queue_request(verb command, std::string argument);
    /// The same with a verb that the command table need not have. REQUIRES: it is no transfer.
    operation_id queue_named_request(std::string name, std::string argument);
    /// Never fails.
    operation_id queue_quit();
    /// Sends one command with the next operation; the reply to it does not matter. REQUIRES: all operations have finished.
    void send_later(verb command, std::string_view argument);

    // ---- During a transfer; otherwise these calls have no effect

    /// Sends NOOP, which shows devices on the path that the control connection is in use. Not repeated before its reply.
    void send_noop();
    /// Sends ABOR. Some servers answer ABOR with a reply of its own and others do not, so a NOOP follows the reply to the
    /// transfer; after the reply to it the replies match the commands again.
    void abort_transfer();

    [[nodiscard]] client_action next();
    void receive(std::string_view bytes) { channel_.receive(bytes); }
    [[nodiscard]] const std::string& output() const noexcept { return channel_.output(); }
    void output_sent() noexcept { channel_.output_sent(); }

    // ---- Outcomes

    /// The control connection failed, or a time limit has expired.
    void connection_failed(const error& why);
    void tls_started();
    void data_opened(const result<void>& outcome);
    void data_listening(const result<endpoint>& at);
    void data_done();

    // ---- State

    /// The failure of the last operation.
    [[nodiscard]] const std::optional<client_failure>& failure() const noexcept { return failure_; }
    /// The reply to a request, until an operation is queued after all have finished; nullptr if there was none.
    [[nodiscard]] const reply* reply_to(operation_id request) const noexcept;
    /// The session accepts another operation.
    [[nodiscard]] bool usable() const noexcept { return !ended_; }
    /// The current step, which is the step of a failure that occurs now.
    [[nodiscard]] client_step at() const noexcept;
    [[nodiscard]] const reply& last_reply() const noexcept { return last_; }
    [[nodiscard]] const reply& greeting() const noexcept { return login_.greeting(); }
    [[nodiscard]] const feature_set& features() const noexcept { return login_.features(); }
    [[nodiscard]] const std::vector<data_attempt>& attempts() const noexcept { return negotiation_.attempts(); }
    /// The result of the last queue_size(); nothing if the server did not send the size.
    [[nodiscard]] std::optional<std::uint64_t> size() const noexcept { return size_.value; }
    /// The reply to the last SIZE if it was no refusal and contained no readable number; otherwise empty.
    [[nodiscard]] const std::string& unreadable_size() const noexcept { return size_.unreadable; }
    /// The size in the text of the 150: "... (5000 bytes)".
    [[nodiscard]] std::optional<std::uint64_t> announced() const noexcept { return transfer_.announced; }

    /// The text with which the server began the last transfer; empty if it sent no 1xx.
    [[nodiscard]] const std::string& beginning() const noexcept { return transfer_.beginning; }

    void set_trace(std::move_only_function<void(std::string_view line)> trace) { channel_.set_trace(std::move(trace)); }

private:
    enum class step : std::uint8_t {
        idle,
        login,
        handshake,
        // Requests are pending.
        plain,
        type,
        size,
        negotiate,
        connecting,
        listening,
        accepting,
        unopened,
        rest,
        request,
        transferring,
        // After ABOR: the reply to NOOP is pending.
        resync,
        quit,
    };

    struct login_task {};
    struct size_task {
        std::string path;
    };
    struct request_task {
        std::string name;
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
        // It is the running operation.
        bool is_requested = false;
        bool unknown_to_server = false;
        // SIZE that was sent together with an upload: the file, how many replies are pending, and the last one.
        std::string early_path;
        std::size_t early_pending = 0;
        std::optional<reply> early;
        bool awaits_early = false;
    };
    struct transfer_state {
        client_transfer request;
        std::optional<std::uint64_t> announced;
        std::string beginning;
        bool data_started = false;
        bool data_finished = false;
        // The final reply was received, or the control connection was lost, during the transfer.
        bool control_finished = false;
        bool aborted = false;
        // Its port was asked for together with the transfer before.
        bool is_prepared = false;
        // It was requested before its data connection was established.
        bool is_requested = false;
    };
    /// The EPSV or PASV for the next transfer.
    struct preparation {
        data_method method;
        // Nothing: its reply is pending.
        std::optional<reply> answer;
    };

    operation_id queue(decltype(operation::task) task);
    void start_operations();
    void start(operation o);
    void start_request(operation_id id, const request_task& request);
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
    void method_failed(error why, bool for_session);
    void request_transfer(step then);
    void ask_for_size();
    [[nodiscard]] bool use_early_size();
    void on_early_size(const reply& r);
    void prepare_next();
    [[nodiscard]] bool use_prepared();
    void on_prepared(const reply& r);
    [[nodiscard]] bool awaits_prepared() const noexcept { return prepared_ && !prepared_->answer; }
    [[nodiscard]] std::optional<client_action> local_action();
    [[nodiscard]] std::optional<client_action> transfer_action();
    [[nodiscard]] client_act::read read_action() const;

    /// `refusal` is the server's reply, or nullptr if there was none.
    void fail_operation(client_step at, error cause, const reply* refusal = nullptr);
    void end_session(client_step at, error cause, const reply* refusal = nullptr);
    void refuse(errc code, std::string detail, const reply& r);
    void stop_accepting();
    void check_after_transfer();

    const client_settings settings_;
    client_channel channel_;
    client_login login_;
    data_negotiation negotiation_;
    // The operations that have not started yet.
    std::deque<operation> operations_;
    operation_id last_id_ = 0;
    // The number of pending requests.
    std::size_t pending_requests_ = 0;
    std::vector<std::pair<operation_id, reply>> replies_;
    step step_ = step::login;
    unsigned turn_ = 0;
    // No operation is accepted any more except QUIT after a refused login.
    bool ended_ = false;
    // QUIT is not accepted either.
    bool closed_ = false;
    // A session starts with TYPE A (RFC 959, section 5.1).
    bool type_is_ascii_ = true;
    reply last_{0, {std::string()}};
    std::optional<client_failure> failure_;
    size_state size_;
    transfer_state transfer_;
    std::optional<preparation> prepared_;
    // The server has refused to prepare a transfer.
    bool refuses_to_prepare_ = false;
};

}  // namespace sallyport::proto
