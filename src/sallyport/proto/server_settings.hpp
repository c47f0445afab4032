#pragma once
// The settings of a server session: texts, addresses, permissions and timeouts. Values, of which sessions share the texts;
// any thread.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/proto/client_side/replies.hpp>
#include <sallyport/proto/client_side/site_doctor.hpp>
#include <sallyport/proto/command_policy.hpp>
#include <sallyport/proto/session_time.hpp>

namespace sallyport::proto {

/// What a server tells its clients besides facts.
struct session_texts {
    // 220, with the banner before it.
    std::vector<std::string> banner{};
    std::string greeting = "Sallyport ready.";
    // Before the text of 230.
    std::vector<std::string> login{};
    // 221
    std::string goodbye = std::string(replies::goodbye);
};

struct server_settings {
    // Never null.
    std::shared_ptr<const session_texts> texts = std::make_shared<const session_texts>();
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
    // Which commands are refused for all users.
    command_policy policy{};
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
