#pragma once
// What an FTP connection needs to know: the server, and how to connect, to protect and to wait.
//
// Values that the caller of a connection makes and that the connection keeps; any thread, except for the functions in them,
// which are called on the thread of the connection's loop.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/client/address_race.hpp>
#include <sallyport/client/listener_mapping.hpp>
#include <sallyport/client/proxy.hpp>
#include <sallyport/client/rate_limiter.hpp>
#include <sallyport/client/url.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/net/tls.hpp>
#include <sallyport/proto/client_settings.hpp>

namespace sallyport::client {

using proto::data_method;
using proto::passive_address;

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

struct connection_options {
    std::vector<data_method> methods{data_method::epsv, data_method::pasv, data_method::eprt, data_method::port};
    passive_address address_rule = passive_address::control;
    /// {0, 0}: any free port.
    port_range active_ports{};
    /// Address to send in PORT and EPRT if NAT changes it.
    std::optional<ip_address> active_address;
    /// Null: the server can connect to this host without.
    std::shared_ptr<listener_mapping> mapping;
    /// Control and passive data connections go through it; there are no active ones then. It resolves the server's name, so
    /// `version` selects among its own addresses.
    std::optional<proxy_server> proxy;
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

}  // namespace sallyport::client
