#pragma once
// One FTP connection: open it (TCP, greeting, TLS, login), send commands, transfer data in either direction, close it.
// This is the public lower layer of the client; its sessions, the gateway's health checks and the gateway's connections
// to backends use it.
//
// A connection belongs to the caller that opens it and is used on the thread of one event loop, which must outlive it.
// One call runs at a time, except send_noop(), abort_transfer() and cancel(). Every call has deadlines and ends with a value
// or a failure; times() says how long each of its steps took. The calls perform the actions of proto::client_machine. During
// a transfer the control connection is read at the same time, so that a refusal ends the transfer at once, and so that a
// lost control connection does not discard complete data. Nothing is printed here.

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/client/connection_options.hpp>
#include <sallyport/client/connector.hpp>
#include <sallyport/client/data_connection.hpp>
#include <sallyport/client/data_handler.hpp>
#include <sallyport/client/step_clock.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/net/tls.hpp>
#include <sallyport/proto/client_machine.hpp>

namespace sallyport::client {

struct credentials {
    std::string user = "anonymous";
    std::string password = "sallyport@";
    std::string account;
};

/// What the certificate of the control connection shows.
struct server_identity {
    std::string fingerprint;
    /// "sha256//..." (net::tls_facts::peer_key), also of a certificate that was refused.
    std::string key;
    std::optional<key_refusal> refusal;
};

/// What a connection does at the moment.
struct activity {
    proto::client_step at = proto::client_step::connect;
    /// At client_step::data.
    std::optional<data_method> method;
    friend bool operator==(const activity&, const activity&) = default;
};

/// TLS of a data connection.
struct data_tls {
    /// It resumed the TLS session of the control connection.
    bool is_resumed = false;
};

/// How far open() goes.
enum class open_depth : std::uint8_t { tcp, greeting, tls, login };

class connection {
public:
    using failure = proto::client_failure;

    connection(net::loop& l, connection_options o)
        : loop_(l), options_(std::move(o)), connector_(l, options_, clock_), data_(l) {}
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;

    /// No later call ends after this time. There is no such limit by default.
    void set_deadline(net::deadline deadline) noexcept { deadline_ = deadline; }

    /// Connects to one of the addresses, then continues up to `until`. If the server address asks for TLS, no user name or
    /// password is sent without it (TLS-03). `login_as` is for the login, here or in login().
    net::task<std::optional<failure>> open(server_address server, open_depth until, credentials login_as);
    /// REQUIRES: open() reached `greeting` or `tls`.
    net::task<std::optional<failure>> login();

    /// Sends one command that needs no data connection. Every final reply is a value.
    net::task<std::expected<proto::reply, failure>> request(proto::verb verb, std::string argument);
    /// The same with a verb that need not be a known one. REQUIRES: it is no transfer.
    net::task<std::expected<proto::reply, failure>> named_request(std::string name, std::string argument);
    /// The same, but a reply whose code is not in `success` is a failure, errc::rejected. If `success` is empty, any 2xx
    /// will do.
    net::task<std::expected<proto::reply, failure>> command(proto::verb verb, std::string argument,
                                                            std::vector<int> success);
    /// The result of SIZE in image type; nothing if the server does not report it.
    net::task<std::expected<std::optional<std::uint64_t>, failure>> size(std::string path);
    /// Sends a command with the next call; its reply does not matter.
    void send_later(proto::verb command, std::string_view argument) { machine_->send_later(command, argument); }
    /// Opens a data connection with the methods in turn and runs `handler` on it. A failure of the data connection alone is
    /// in data().
    net::task<std::optional<failure>> transfer(proto::client_transfer command, data_handler& handler);
    /// Sends QUIT, waits for the reply for up to options.quit, and closes. Never fails (C3).
    net::task<> quit();
    void close() noexcept;

    /// Ends the call that is running, and every later one, with errc::cancelled: a transfer by ABOR, another wait by leaving
    /// the connection. Only the wait for a data connection still lasts until its own limit.
    net::task<> cancel();

    // During transfer(); otherwise these have no effect
    net::task<> send_noop();
    /// Sends ABOR and closes the data connection. transfer() ends with errc::cancelled, and the session stays usable. False:
    /// no data connection is open.
    net::task<bool> abort_transfer();

    /// The finished steps of the last call, in order.
    [[nodiscard]] const std::vector<timed_step>& times() const noexcept { return clock_.steps(); }
    /// What the call that is running waits for; nothing if none is.
    [[nodiscard]] std::optional<activity> current() const;
    [[nodiscard]] bool is_open() const noexcept { return control_.is_open(); }
    /// State of the session: features, last reply, attempts. REQUIRES: open() reached `greeting`.
    [[nodiscard]] const proto::client_machine& facts() const noexcept { return *machine_; }
    [[nodiscard]] const server_identity& identity() const noexcept { return identity_; }
    [[nodiscard]] const net::stream& control() const noexcept { return control_; }
    /// Where the control connection ends; through a proxy that resolves the server's name, the address is unspecified.
    [[nodiscard]] endpoint server_end() const;
    /// open() has failed, and the reason is the proxy, not the server.
    [[nodiscard]] bool failed_at_proxy() const noexcept { return connector_.failed_at_proxy(); }
    /// The result of the data connection of the last transfer; nothing if none was opened.
    [[nodiscard]] const std::optional<transfer_counts>& data() const noexcept { return counts_; }
    /// Of the data connection of the last transfer; nothing if it was not encrypted.
    [[nodiscard]] const std::optional<data_tls>& tls_of_data() const noexcept { return tls_of_data_; }

    /// Releases the control connection in the state that open() left it in. This object is closed afterwards.
    [[nodiscard]] net::stream release() noexcept { return std::move(control_); }

private:
    struct control_reader;
    struct interruption {
        /// Set by abort_transfer() to wake the reader of the control connection.
        bool woke_reader = false;
        /// By cancel().
        bool is_final = false;
    };

    [[nodiscard]] net::time_limit within(net::clock::duration timeout) const;
    [[nodiscard]] proto::client_settings settings(open_depth until) const;

    net::task<result<void>> secure_control();
    net::task<> run_machine(data_handler* handler);
    net::task<> perform_read(proto::client_act::read how);
    net::task<> start_tls();
    net::task<> connect_data(proto::client_act::connect_data to);
    net::task<> listen_for_data();
    net::task<> move_data(bool protect, data_handler& handler);
    net::task<transfer_counts> run_handler(bool protect, data_handler& handler);
    net::task<> read_control(std::shared_ptr<control_reader> w);
    net::task<result<void>> send_output(net::time_limit limit);
    void trace(const std::string& text) const;
    void trace_attempts();

    net::loop& loop_;
    connection_options options_;
    server_address server_;
    credentials credentials_;
    net::deadline deadline_ = net::deadline::max();
    net::stream control_;
    server_identity identity_;
    net::tls_session newest_session_;
    std::optional<proto::client_machine> machine_;
    /// Turn of the wait that read_deadline_ belongs to.
    unsigned wait_turn_ = static_cast<unsigned>(-1);
    net::deadline read_deadline_{};
    connector connector_;
    data_connection data_;
    bool moving_ = false;
    bool sending_ = false;
    interruption interruption_;
    std::optional<transfer_counts> counts_;
    std::optional<data_tls> tls_of_data_;
    std::size_t traced_attempts_ = 0;
    step_clock clock_;
};

}  // namespace sallyport::client
