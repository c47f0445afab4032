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
    // A handshake that takes longer has failed.
    session_time until = session_time::max();
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

/// What has happened. Where the session does not wait for it any more, it changes nothing. Texts live as long as report().
namespace relay_outcome {
struct port_reserved {
    // The endpoint to advertise to the leg's peer; on the backend leg, one of the backend's own address family.
    result<endpoint> port;
    bool forwarded = false;  // by the kernel, which happens only where reserve_port allows it
};
/// Both TCP connections are there, before any TLS on the client's: now the client may get the 150. Where only TLS that the
/// client begins after the 150 identifies its connection: the backend's alone, and `client` is no endpoint yet.
struct data_connected {
    endpoint client;
};
struct data_ended {
    data_outcome outcome;
};
/// The certificate names this user, or, if it is empty, none. Nothing: there is no certificate, or it does not count.
struct client_tls_started {
    std::optional<std::string> certificate_user{};
};
struct client_tls_ended {};
struct backend_tls_started {};
struct user_admitted {
    bool yes = true;
};
struct backend_found {
    relay_backend backend;
};
/// At the moment: 421 `text`.
struct no_backend {
    std::string_view text;
};
/// Its login will be refused.
struct no_backend_for_user {};
/// The backend's control connection has ended: 426 where a transfer ran, then 421.
struct backend_closed {
    std::string_view reason;
};
/// The client will send no more, in good order: what it has sent is handled to the last command, then it gets 221.
struct input_ended {};
/// The driver ends the session: 421 `text`.
struct session_ended {
    std::string_view text;
};
}  // namespace relay_outcome

using relay_report =
    std::variant<relay_outcome::port_reserved, relay_outcome::data_connected, relay_outcome::data_ended,
                 relay_outcome::client_tls_started, relay_outcome::client_tls_ended, relay_outcome::backend_tls_started,
                 relay_outcome::user_admitted, relay_outcome::backend_found, relay_outcome::no_backend,
                 relay_outcome::no_backend_for_user, relay_outcome::backend_closed, relay_outcome::input_ended,
                 relay_outcome::session_ended>;

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

}  // namespace sallyport::proto
