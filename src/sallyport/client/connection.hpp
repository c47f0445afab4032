#pragma once
// One FTP connection as a value: open it (TCP, greeting, TLS, login), send commands, move data in either direction, close
// it. The public lower layer of the client: its sessions, the gateway's health checks and the gateway's connections to
// backends all use it.
//
// Every call has deadlines, ends with a value or a failure, and says how long each of its steps took: times(). It does what
// proto::client_machine asks for. While data move, the control connection is read beside them, so that a server's refusal
// ends a transfer at once, and a control connection that dies doesn't take good data with it.
// Owned by whoever opens it; used on one loop, which must outlive it. One call at a time, but for send_noop() and
// abort_transfer(). Nothing is printed here.

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
#include <sallyport/client/data_connection.hpp>
#include <sallyport/client/data_handler.hpp>
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

/// Where an FTP server is, and how its control connection is protected.
struct server_address {
    std::string host;
    std::uint16_t port = 21;
    tls_mode tls = tls_mode::none;
    std::vector<ip_address> addresses;  // tried in turn; empty: those of the host's name
    std::string tls_name;               // that the certificate has to show; empty: the host
};

/// How far open() goes.
enum class open_depth : std::uint8_t { tcp, greeting, tls, login };

struct connection_options {
    std::vector<data_method> methods{data_method::epsv, data_method::pasv, data_method::eprt, data_method::port};
    passive_address address_rule = passive_address::peer;
    port_range active_ports{};                   // {0, 0}: any
    std::optional<ip_address> active_address;    // what to announce, where NAT makes it differ
    std::optional<net::tls_client_context> tls;  // needed where the address asks for TLS
    bool protect_data = true;
    bool require_same_certificate = true;  // data connections have to show that of the control connection
    net::keepalive keepalive{std::chrono::seconds(30), std::chrono::seconds(10), 3};
    std::chrono::milliseconds connect = limits::connect_timeout;  // per address of the host
    std::chrono::milliseconds greeting = limits::greeting_timeout;
    std::chrono::milliseconds reply = limits::reply_timeout;
    std::chrono::milliseconds data_open = std::chrono::seconds(8);  // per method tried
    std::chrono::milliseconds stall = limits::stall_timeout;
    std::uint64_t stall_rate = limits::stall_rate;  // bytes a second over `stall`; 0: any byte counts
    std::chrono::milliseconds tls_handshake = limits::tls_handshake_timeout;
    std::chrono::milliseconds quit = std::chrono::seconds(1);
    std::optional<std::chrono::milliseconds> noop_interval;  // NOOP while data move; nothing: none is sent
    // Sent on each connection before anything else: a PROXY header.
    std::string preamble;
    std::string data_preamble;
    /// Called before each attempt to connect. An error: not there. The value, where it is set, is called with our own end
    /// before the server can see the connection.
    std::function<result<std::function<void(const endpoint& local)>>(const endpoint& to)> before_connect;
    /// Each line of the conversation, "> " and "< ", secrets masked; lines of our own begin with "* ". Not escaped yet.
    std::function<void(std::string_view)> transcript;
};

class connection {
public:
    using failure = proto::client_failure;

    connection(net::loop& l, connection_options o) : loop_(l), options_(std::move(o)), data_(l) {}
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;

    /// No later call lasts longer than until then. At the beginning there is no such bound.
    void set_deadline(net::deadline deadline) noexcept { deadline_ = deadline; }

    /// Connects to the addresses in turn, then goes on as far as `until`. Where TLS was asked for, nothing secret is sent
    /// without it (TLS-03). `who` is for the login, here or in login().
    net::task<std::optional<failure>> open(server_address server, open_depth until, credentials login_as);
    /// REQUIRES: open() went to `greeting` or `tls`.
    net::task<std::optional<failure>> login();

    /// One command that needs no data connection; any final reply is a value.
    net::task<std::expected<proto::reply, failure>> request(proto::verb verb, std::string argument);
    /// The same; a reply whose code isn't one of `success` is a failure, errc::rejected. Empty: any 2xx is a success.
    net::task<std::expected<proto::reply, failure>> command(proto::verb verb, std::string argument,
                                                            std::vector<int> success);
    /// By SIZE in image type. Nothing where the server can't or won't tell.
    net::task<std::expected<std::optional<std::uint64_t>, failure>> size(std::string path);
    /// Opens a data connection by the methods in turn and moves data by `job`. A failure of the data alone is in data().
    net::task<std::optional<failure>> transfer(proto::client_transfer command, data_handler& handler);
    /// QUIT with a short wait, then closes; never fails (C3).
    net::task<> quit();
    void close() noexcept;

    // While transfer() runs; else these do nothing
    net::task<> send_noop();
    /// ABOR, and the data connection is closed. transfer() ends with errc::cancelled, and the session is in step.
    net::task<> abort_transfer();

    /// Of the last call, in order.
    [[nodiscard]] const std::vector<timed_step>& times() const noexcept { return clock_.steps(); }
    [[nodiscard]] bool is_open() const noexcept { return control_.is_open(); }
    /// What the session knows. REQUIRES: open() went to `greeting` or further.
    [[nodiscard]] const proto::client_machine& facts() const noexcept { return *machine_; }
    [[nodiscard]] const net::stream& control() const noexcept { return control_; }
    /// How the data side of the last transfer went; nothing where it never began.
    [[nodiscard]] const std::optional<transfer_counts>& data() const noexcept { return counts_; }
    [[nodiscard]] bool data_was_protected() const noexcept { return protected_; }
    [[nodiscard]] bool data_was_resumed() const noexcept { return resumed_; }

    /// The control connection, for somebody else to go on with from where open() ended. This one is closed then.
    [[nodiscard]] net::stream release() noexcept { return std::move(control_); }

private:
    struct control_reader;

    [[nodiscard]] net::time_limit within(net::clock::duration timeout) const;
    [[nodiscard]] proto::client_settings settings(open_depth until) const;

    net::task<std::optional<failure>> connect();
    net::task<result<void>> secure_control();
    net::task<> run_machine(data_handler* handler);
    net::task<> perform_read(proto::client_act::read how);
    net::task<> start_tls();
    net::task<> connect_data(proto::client_act::connect_data to);
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
    std::string fingerprint_;
    net::tls_session newest_session_;
    std::optional<proto::client_machine> machine_;
    unsigned wait_turn_ = static_cast<unsigned>(-1);  // of the wait that due_ belongs to
    net::deadline read_deadline_{};
    data_connection data_;
    bool moving_ = false;
    bool sending_ = false;
    bool woken_ = false;  // the reader of the control connection, by abort_transfer()
    std::optional<transfer_counts> counts_;
    bool protected_ = false;
    bool resumed_ = false;
    std::size_t traced_attempts_ = 0;
    step_clock clock_;
};

}  // namespace sallyport::client
