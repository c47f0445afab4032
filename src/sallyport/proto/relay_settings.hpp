#pragma once
// What a relay machine starts with: its driver's settings, and the backend of a session. Values; any thread.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <sallyport/base/address.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/proto/client_side/site_doctor.hpp>
#include <sallyport/proto/command_policy.hpp>
#include <sallyport/proto/data_path_choice.hpp>
#include <sallyport/proto/named_server.hpp>
#include <sallyport/proto/relay_methods.hpp>
#include <sallyport/proto/session_time.hpp>

namespace sallyport::proto {

/// A backend that has sent its greeting.
struct relay_backend {
    // Its end of the control connection.
    endpoint peer;
    // TLS is active on the control connection: after the login the backend is sent PBSZ and PROT P.
    bool protect = false;
    // The backend leg has TLS exactly as the client leg, on data too: AUTH and PROT are the client's.
    bool match_tls = false;
    // The data methods that it is known to refuse.
    method_set refused{};
    direct_data direct{};
    // A PROXY header begins each data connection to it.
    bool proxy_headers = false;
    // The gateway's end of the control connection.
    ip_address gateway{};
    // The method with which no data connection was established in an earlier session of the client.
    std::optional<data_method> failed{};
};

/// Time limits of a session; see relay_deadlines.hpp.
struct relay_timeouts {
    std::chrono::milliseconds idle = limits::idle_timeout;
    std::chrono::milliseconds login = limits::login_timeout;
    // For each reply of the backend until the user is logged in.
    std::chrono::milliseconds backend_reply = limits::backend_login_timeout;
    // For a data connection, on any data path.
    std::chrono::milliseconds data_connect = limits::data_timeout;
    // For the backend's preliminary reply (150), before an active client is connected to.
    std::chrono::milliseconds data_start = limits::stall_timeout;
    // For one TLS handshake of a control connection.
    std::chrono::milliseconds tls = limits::tls_handshake_timeout;
};

/// The user that the client's certificate names.
struct certified_user {
    // With TLS from the start: as in relay_outcome::client_tls_started.
    std::optional<std::string> name{};
    // It takes the place of USER's argument. Otherwise the two must be the same.
    bool replaces = false;
};

/// Where TLS ends that the client asks for with AUTH.
enum class client_tls : std::uint8_t {
    ends_here,
    // It passes between client and backend without being read, from the backend's 234 on.
    passes,
    // The driver decides between the two, by the client's first bytes of TLS.
    chosen_by_hello,
    // AUTH is refused with 534.
    refused,
};

/// What the machine asks the driver. Each may be empty.
struct relay_callbacks {
    // Before each password is forwarded: if it returns a text, the session ends with 421 and this text.
    std::function<std::string_view()> login_check{};
    // For SITE DOCTOR, which is otherwise forwarded.
    std::function<site_doctor_facts()> site_doctor{};
};

struct relay_settings {
    // The client's end of its control connection.
    endpoint client_peer;
    // If it is known from the start.
    relay_backend backend{};
    // TLS on the client leg: implicit TLS is active; AUTH TLS is available; or it is required, which refuses USER with 530,
    // PROT C with 534 and an unencrypted transfer with 521.
    bool tls_active = false;
    bool tls_available = false;
    bool tls_required = false;
    // The client may end TLS on its control connection, never on data (TLS-06).
    bool ccc_allowed = false;
    client_tls auth = client_tls::ends_here;
    // How data connections with the backend are made.
    backend_data_mode data_mode = backend_data_mode::passive;
    data_path_rules paths{};
    command_policy policy{};
    certified_user certified{};
    // Whether USER may name the server.
    server_naming naming = server_naming::off;
    // The driver decides about each user that has logged in.
    bool limit_users = false;
    // The address that the client has connected to.
    ip_address client_destination{};
    // The gateway sends PWD by itself if the client doesn't: for records with absolute paths.
    bool query_directory = false;
    relay_callbacks callbacks{};
    relay_timeouts timeouts{};
    // When the client connected, from which the login timeout counts, and when the machine starts.
    session_time accepted{};
    session_time now{};

    [[nodiscard]] bool tls_may_pass() const noexcept {
        return auth == client_tls::passes || auth == client_tls::chosen_by_hello;
    }
};

}  // namespace sallyport::proto
