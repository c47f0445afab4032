#pragma once
// What a relay machine asks of its driver, and what goes with it: the actions that next() returns, the plan of a transfer
// and its outcome, and the notes for the log. Values; any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/proto/command.hpp>
#include <sallyport/proto/data_method.hpp>
#include <sallyport/proto/data_path_choice.hpp>
#include <sallyport/proto/relay_settings.hpp>
#include <sallyport/proto/session_time.hpp>

namespace sallyport::proto {

/// How the gateway gets one leg's data connection: it accepts it on the port that the driver has reserved, or it connects.
struct accept_on_port {};
struct connect_to {
    endpoint to;
};
using leg_setup = std::variant<accept_on_port, connect_to>;

/// One transfer: the driver joins the data connections of both legs.
struct relay_plan {
    // RETR STOR APPE STOU LIST NLST MLSD, and its argument for the log.
    verb command = verb::retr;
    std::string argument;
    // Bytes flow from the client to the backend.
    bool upload = false;
    data_path_choice data_path{};
    // The two legs; only if the data are relayed.
    leg_setup client;
    leg_setup backend;
    // PROT P is in force on the leg: its data connection has TLS.
    bool protect_client = false;
    bool protect_backend = false;
    // For each leg's data connection; then data_ended with `timed_out`.
    std::chrono::milliseconds connect_limit{};
    // For confirm_data, before an active client is connected to; the same then.
    std::chrono::milliseconds start_limit{};
    // For the record: how the data connections were negotiated, the absolute path, and the session's directory.
    data_method client_method = data_method::pasv;
    data_method backend_method = data_method::pasv;
    std::string path{};
    std::string cwd{};
};

/// How the data path of a transfer ended.
enum class data_result : std::uint8_t {
    // The sender has finished in good order, and all of its bytes were passed on.
    complete,
    // The client did not connect to the passive port, or did not accept the connection to its data target. Reply 425.
    client_timeout,
    // The TLS session of the client's data connection is not that of its control connection (TLS-04). Reply 522.
    tls_session_not_reused,
    // The client's data connection was closed, has stalled, or failed otherwise. Reply 426.
    client_failed,
    // The backend did not accept the connection to its port, or did not connect to the gateway's. Reply 425.
    backend_connect_failed,
    // Client and backend connect to each other, and did not reach each other. Reply 425.
    not_established,
    // They were connected to each other, and the kernel no longer forwards their packets. Reply 426.
    path_lost,
    // The backend's data connection failed. The reply is the backend's refusal, or 426.
    backend_failed,
    // The backend's final reply refused the transfer, before or while data were transferred.
    refused,
    // The client has sent ABOR.
    aborted,
};

struct data_outcome {
    data_result result = data_result::complete;
    // For the client, if the result is not `complete`.
    std::string reason{};
    bool timed_out = false;
};

enum class leg : std::uint8_t { client, backend };

/// What the driver has to do. Some actions have an outcome, which it reports.
namespace relay_act {
/// Nothing, until bytes arrive, an outcome is known, or it is this time: then time_passed().
struct idle {
    session_time until = session_time::max();
};
/// Reserve a port for a data connection from this leg's peer alone; on the backend leg, at the gateway's own address of the
/// control connection. Outcome: port_reserved. On the backend leg the port is only reserved: what the kernel forwards is
/// opened by open_port.
struct reserve_port {
    leg on = leg::client;
    // EPSV: any address family will do. Otherwise an IPv4 address must be advertised.
    bool extended = false;
    // PROT P is in force on the client leg.
    bool protect = false;
    // The kernel may forward the connection to this port of the other leg. If it can't, the connection is accepted.
    std::optional<endpoint> to{};
    // On the client leg, if the gateway connects to the backend: the port there. 0: it does not.
    std::uint16_t backend_port = 0;
};
/// The backend has accepted the port that was reserved for it with `to`: open that port in the kernel. Outcome: port_opened.
struct open_port {};
/// Release all ports and data connections, these by RST. A transfer that runs has no outcome then.
struct release_data {};
/// Start to establish the data connections: the backend leg's, then the client leg's, and to an active client after
/// confirm_data. What bypasses the gateway is only recorded. Outcomes: data_connected, data_ended.
struct open_data {
    relay_plan plan;
};
/// The backend has sent its preliminary reply (1xx): the transfer will take place.
struct confirm_data {};
/// The client has its final reply. Once for each open_data, unless the session ends first.
struct transfer_finished {
    int reply_code = 0;
    // As far as the machine knows it.
    data_outcome data;
};
/// Check that the connection which the kernel forwards was established. Outcome, if it was not: data_ended.
struct check_opening {};
/// The backend has not sent a reply in time; `reason` says so for the log: "did not reply in time".
struct suspect_backend {
    std::string reason;
};
/// Close the connection with the present backend and choose one for this user, and for the host that HOST has named, if any.
/// Outcome: backend_found, no_backend or no_backend_for_user.
struct find_backend {
    std::string user;
    std::string host;
    // In place of one that has failed.
    bool is_failover = false;
    // Not one of the backends: the server that the client has named.
    std::optional<named_server> server{};
};
/// The backend has accepted the login of this user: decide whether it may have another session. Outcome: user_admitted.
struct admit_user {
    std::string name;
};
/// Send what the leg's peer is yet to get, then do the handshake. Outcome: client_tls_started, or backend_tls_started or
/// backend_closed. next() returns it until then.
struct start_tls {
    leg on = leg::client;
    // A handshake that takes longer has failed.
    session_time until = session_time::max();
};
/// Send what the client is yet to get, then wait for its ClientHello without reading it, and decide where TLS ends. Outcome:
/// client_hello_read. next() returns it until then.
struct read_client_hello {
    // A client that takes longer has failed.
    session_time until = session_time::max();
};
/// Send what the client is yet to get, then end TLS on the client leg (CCC). Outcome: client_tls_ended. next() returns it
/// until then.
struct end_tls {};
/// Send what the client is yet to get; from then on pass the bytes of each leg to the other. The machine has no part in it.
struct start_passthrough {};
/// Send what the client is yet to get, then close both legs.
struct close {};
}  // namespace relay_act

using relay_action =
    std::variant<relay_act::idle, relay_act::reserve_port, relay_act::open_port, relay_act::release_data,
                 relay_act::open_data, relay_act::confirm_data, relay_act::transfer_finished, relay_act::check_opening,
                 relay_act::suspect_backend, relay_act::read_client_hello, relay_act::start_tls, relay_act::end_tls,
                 relay_act::admit_user, relay_act::find_backend, relay_act::start_passthrough, relay_act::close>;

/// What becomes of a connection to a port that was to be opened in the kernel.
enum class opening_result : std::uint8_t {
    // The kernel forwards it.
    forwarded,
    // The kernel does not; the gateway accepts it.
    accepted,
    // It does not arrive.
    closed,
};

/// What has happened. If the session does not wait for it any more, it changes nothing. Texts live as long as report().
namespace relay_outcome {
struct port_reserved {
    // The endpoint to advertise to the leg's peer; on the backend leg, one of the backend's own address family.
    result<endpoint> port;
    // On the client leg: by the kernel, as reserve_port allows it.
    bool forwarded = false;
};
struct port_opened {
    opening_result result = opening_result::forwarded;
};
/// Both TCP connections of a transfer are established, and the client may get the preliminary reply; TLS on the client's may
/// follow. If only that TLS identifies the client's connection, this is about the backend's alone, and `client` has no port.
struct data_connected {
    endpoint client;
};
struct data_ended {
    data_outcome outcome;
};
/// The user that the client's certificate names; empty if it names none; nothing if there is no certificate, or if it does
/// not count.
struct client_tls_started {
    std::optional<std::string> certificate_user{};
};
struct client_hello_read {
    // TLS passes between client and backend; otherwise it ends here.
    bool passes = false;
};
struct client_tls_ended {};
struct backend_tls_started {};
struct user_admitted {
    bool yes = true;
};
struct backend_found {
    relay_backend backend;
};
/// None is available at the moment: the client gets 421 with this text.
struct no_backend {
    std::string_view text;
};
/// Its login will be refused.
struct no_backend_for_user {};
/// The control connection with the backend has ended: the client gets 426 if a transfer runs, and 421.
struct backend_closed {
    std::string_view reason;
};
/// The client has closed its side in good order: what it has sent is handled to the last command, then it gets 221.
struct input_ended {};
/// The driver ends the session: the client gets 421 with this text.
struct session_ended {
    std::string_view text;
};
}  // namespace relay_outcome

using relay_report =
    std::variant<relay_outcome::port_reserved, relay_outcome::port_opened, relay_outcome::data_connected,
                 relay_outcome::data_ended, relay_outcome::client_tls_started, relay_outcome::client_hello_read,
                 relay_outcome::client_tls_ended, relay_outcome::backend_tls_started, relay_outcome::user_admitted,
                 relay_outcome::backend_found, relay_outcome::no_backend, relay_outcome::no_backend_for_user,
                 relay_outcome::backend_closed, relay_outcome::input_ended, relay_outcome::session_ended>;

/// What the log gets (G12).
enum class relay_note : std::uint8_t {
    // A line of either peer, without secrets.
    line,
    // A command of the client is handled next; the text is its verb.
    command,
    // Both legs' data connections were agreed on.
    rewritten,
    // The gateway itself has refused a command.
    refused,
    // PORT or EPRT named another host or a port below 1024 (DC-01).
    bounce_attempt,
    // A peer broke the protocol.
    violation,
    // The backend refused a login; for its count.
    login_refused,
    // The backend accepted a login that is not anonymous: the client's address is known from now on.
    login_accepted,
    // How a login ended, also one that left an earlier login in force.
    login_result,
    // The client did not log in in time; for its count.
    login_timeout,
};

}  // namespace sallyport::proto
