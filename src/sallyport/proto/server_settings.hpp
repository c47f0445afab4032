#pragma once
// The settings of a server session: addresses, permissions and timeouts. Values; any thread.

#include <functional>
#include <string>

#include <sallyport/base/address.hpp>
#include <sallyport/proto/client_side/site_doctor.hpp>
#include <sallyport/proto/session_time.hpp>

namespace sallyport::proto {

struct server_settings {
    std::string greeting = "Sallyport ready.";
    // The local end of the control connection.
    endpoint local;
    endpoint peer;
    // Implicit TLS: the handshake precedes the greeting.
    bool tls_active = false;
    // AUTH TLS is offered.
    bool tls_available = false;
    // Named users need TLS (530 to USER before it) and PROT P (521).
    bool tls_required = false;
    bool anonymous_allowed = false;
    // S9
    bool passive_allowed = true;
    bool active_allowed = true;
    // TLS-06
    bool ccc_allowed = false;
    // SITE DOCTOR is offered to users that have logged in; called for it.
    std::function<site_doctor_facts()> site_doctor{};
    std::chrono::milliseconds idle_timeout = limits::idle_timeout;
    std::chrono::milliseconds login_timeout = limits::login_timeout;
    // For a TLS handshake on the control connection.
    std::chrono::milliseconds tls_timeout = limits::tls_handshake_timeout;
    // For establishing a data connection.
    std::chrono::milliseconds data_timeout = limits::data_timeout;
    // The time when the client connected; the login timeout starts then.
    session_time now{};
};

}  // namespace sallyport::proto
