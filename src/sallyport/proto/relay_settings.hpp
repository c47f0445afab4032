#pragma once
// What a relay machine begins with, by its driver's word. Values.

#include <optional>
#include <string>

#include <sallyport/base/address.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/proto/command_policy.hpp>
#include <sallyport/proto/data_path_choice.hpp>
#include <sallyport/proto/relay_methods.hpp>
#include <sallyport/proto/session_time.hpp>

namespace sallyport::proto {

/// A backend that has sent its greeting.
struct relay_backend {
    endpoint peer;           // its end of the control connection
    bool protect = false;    // TLS is active on it: PBSZ and PROT P are sent there after login
    bool match_tls = false;  // TLS there exactly as on the client leg, on data too: AUTH and PROT are the client's
    method_set refused{};    // what it is known to refuse
    direct_data direct{};
    bool proxy_headers = false;  // begin the data connections to it
    ip_address gateway{};        // our end of the control connection with it
};

/// How long the session waits for what; see relay_machine::time_passed().
struct relay_timeouts {
    std::chrono::milliseconds idle = limits::idle_timeout;
    std::chrono::milliseconds login = limits::login_timeout;
    std::chrono::milliseconds backend_reply = limits::backend_login_timeout;  // to each command until the login
    std::chrono::milliseconds data_connect = limits::data_timeout;            // for a data connection, by whichever path
    std::chrono::milliseconds data_start = limits::stall_timeout;   // for the backend's 150 before an active client
    std::chrono::milliseconds tls = limits::tls_handshake_timeout;  // for one handshake of a control connection
};

struct relay_settings {
    endpoint client_peer;          // the client's end of its control connection
    relay_backend backend{};       // where it is known from the start
    bool tls_active = false;       // implicit TLS in front
    bool tls_available = false;    // AUTH TLS is offered in front
    bool tls_required = false;     // 530 to USER before TLS, 534 to PROT C, 521 to a transfer in the clear
    bool ccc_allowed = false;      // the client may end TLS on its control connection, never on data (TLS-06)
    bool tls_passthrough = false;  // TLS passes unread between client and backend, from the backend's 234 on
    backend_data_mode data_mode = backend_data_mode::passive;
    data_path_rules paths{};
    command_policy policy{};
    std::optional<std::string> certificate_user{};  // with TLS from the start: see client_tls_started()
    bool replace_user = false;  // USER's own argument counts for nothing beside a certificate; else it must be the same
    bool limit_users = false;   // who has logged in is let in by the driver only
    ip_address client_destination{};  // what the client has connected to
    bool query_directory = false;     // a PWD of our own where the client sends none: for records with absolute paths
    relay_timeouts timeouts{};
    session_time accepted{};  // when the client connected: the login has its time from then on
    session_time now{};       // when the machine begins
};

}  // namespace sallyport::proto
