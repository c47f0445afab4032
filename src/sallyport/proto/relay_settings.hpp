#pragma once
// What a relay machine begins with, by its driver's word. Values.

#include <optional>
#include <string>

#include <sallyport/base/address.hpp>
#include <sallyport/proto/command_policy.hpp>
#include <sallyport/proto/relay_methods.hpp>

namespace sallyport::proto {

struct relay_settings {
    endpoint client_peer;          // the client's end of its control connection
    endpoint backend_peer;         // the backend's end of its own
    bool tls_active = false;       // implicit TLS in front
    bool tls_available = false;    // AUTH TLS is offered in front
    bool tls_required = false;     // 530 to USER before TLS, 534 to PROT C, 521 to a transfer in the clear
    bool protect_backend = false;  // TLS stands behind: PBSZ and PROT P are sent there after login
    bool match_tls = false;        // TLS behind exactly as in front, on data too: AUTH and PROT are the client's
    bool ccc_allowed = false;      // the client may end TLS on its control connection, never on data (TLS-06)
    bool pass_tls = false;         // TLS passes unread between client and backend, from the backend\'s 234 on
    backend_data behind = backend_data::passive;
    method_set refused_behind;  // what this backend is known to refuse
    direct_data direct{};
    command_policy policy{};
    std::optional<std::string> certified_user{};  // with TLS from the start: see client_tls_started()
    bool replace_user = false;  // USER's own argument counts for nothing beside a certificate; else it must be the same
    bool limit_users = false;   // who has logged in is let in by the driver only
    ip_address gateway{};       // our end of the control connection with the backend
    ip_address client_destination{};  // what the client has connected to
    bool ask_directory = false;       // a PWD of our own where the client sends none: for records with absolute paths
};

}  // namespace sallyport::proto
