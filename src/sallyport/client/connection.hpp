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
#include <sallyport/base/limits.hpp>
#include <sallyport/client/address_race.hpp>
#include <sallyport/client/data_connection.hpp>
#include <sallyport/client/data_handler.hpp>
#include <sallyport/client/listener_mapping.hpp>
#include <sallyport/client/rate_limiter.hpp>
#include <sallyport/client/step_clock.hpp>
#include <sallyport/client/url.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/net/tls.hpp>
#include <sallyport/proto/client_machine.hpp>

namespace sallyport::client {

using proto::data_method;
using proto::passive_address;

struct credentials {
    std::string user = "anonymous";
    std::string password = "sallyport@";
    std::string account;
};

/// The address of an FTP server and the TLS mode of its control connection.
struct server_address {
    std::string host;
    std::uint16_t port = 21;
    tls_mode tls = tls_mode::none;
    /// If empty, the host name is resolved. The first one that answers is used (address_race.hpp).
    std::vector<ip_address> addresses;
    /// Name that the certificate must have; if empty, the host.
    std::string tls_name;
};

/// Why the key of a server's certificate is not trusted.
enum class key_refusal : std::uint8_t { unknown, changed };

struct refused_key {
    key_refusal reason = key_refusal::unknown;
    std::string text;
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

struct connection_options {
    std::vector<data_method> methods{data_method::epsv, data_method::pasv, data_method::eprt, data_method::port};
    passive_address address_rule = passive_address::control;
    /// {0, 0}: any free port.
    port_range active_ports{};
    /// Address to send in PORT and EPRT if NAT changes it.
    std::optional<ip_address> active_address;
    /// Null: the server can connect to this host without.
    std::shared_ptr<listener_mapping> mapping;
    /// Required if the server address asks for TLS.
    std::optional<net::tls_client_context> tls;
    /// Called with the key of the server's certificate after the handshake of the control connection, before anything else
    /// is sent; a result ends the connection with errc::tls_untrusted. It may block the loop, to ask the user. Empty: the
    /// context alone decides.
    std::function<std::optional<refused_key>(const std::string& key)> check_key;
    bool protect_data = true;
    /// Data connections resume the TLS session of the control connection. False to find out what a server does without.
    bool resume_data = true;
    /// Data connections must present the certificate of the control connection.
    bool require_same_certificate = true;
    net::keepalive keepalive{std::chrono::seconds(30), std::chrono::seconds(10), 3};
    /// Of the addresses of the host.
    ip_version version = ip_version::any;
    /// How long an address has to answer before the next one is tried too (RFC 8305, section 5). Nothing: until it has
    /// failed.
    std::optional<std::chrono::milliseconds> next_address = std::chrono::milliseconds(250);
    /// For each address of the host.
    std::chrono::milliseconds connect = limits::connect_timeout;
    std::chrono::milliseconds greeting = limits::greeting_timeout;
    std::chrono::milliseconds reply = limits::reply_timeout;
    /// For each data method.
    std::chrono::milliseconds data_open = std::chrono::seconds(8);
    std::chrono::milliseconds stall = limits::stall_timeout;
    /// The largest TCP segment that passive data connections accept and send (TCP_MAXSEG), in bytes; 0: as the path has it.
    int max_segment = 0;
    /// Average bytes per second over `stall` that count as progress; 0: any byte counts.
    std::uint64_t stall_rate = limits::stall_rate;
    /// Of all connections with these options. Null: no limit.
    std::shared_ptr<rate_limiter> rate;
    std::chrono::milliseconds tls_handshake = limits::tls_handshake_timeout;
    std::chrono::milliseconds quit = std::chrono::seconds(1);
    /// Interval of NOOP during a transfer; nothing: none is sent.
    std::optional<std::chrono::milliseconds> noop_interval;
    /// Sent before everything else on each connection: a PROXY header.
    std::string preamble;
    std::string data_preamble;
    /// Called before each attempt to connect. An error excludes the address. A function in the value is called with the
    /// local endpoint before the server can see the connection.
    std::function<result<std::function<void(const endpoint& local)>>(const endpoint& to)> before_connect;
    /// Returns a socket for the control connection, which is bound already; empty: a socket is made.
    std::function<result<unique_fd>()> make_socket;
    /// Called with each line sent ("> ") and received ("< "), with passwords masked, and with notes of the client ("* ").
    /// Not escaped.
    std::function<void(std::string_view)> transcript;
};

class connection {
public:
    using failure = proto::client_failure;

    connection(net::loop& l, connection_options o) : loop_(l), options_(std::move(o)), data_(l) {}
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
        /// While connect() runs.
        std::weak_ptr<address_race> race;
    };

    [[nodiscard]] net::time_limit within(net::clock::duration timeout) const;
    [[nodiscard]] proto::client_settings settings(open_depth until) const;

    net::task<std::optional<failure>> connect();
    result<void> start_attempt(address_race& race, const endpoint& to);
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
