#pragma once
// Derives values for one session from the gateway's settings and from its two legs: for its relay machine, its data
// connections and its records.
//
// Functions without ownership and without effects; loop thread only.

#include <functional>
#include <string>

#include <sallyport/gate/backend_selection.hpp>
#include <sallyport/gate/client_control.hpp>
#include <sallyport/gate/data_relay.hpp>
#include <sallyport/gate/session_context.hpp>
#include <sallyport/gate/transfer_report.hpp>
#include <sallyport/proto/relay_machine.hpp>

namespace sallyport::gate {

/// REQUIRES: `to` has a server.
[[nodiscard]] session_peers peers_of(const client_control& client, const backend_leg& to);
/// The backend as the machine needs to know it. REQUIRES: `to` has a server.
[[nodiscard]] proto::relay_backend machine_backend(const session_context& gate, const client_control& client,
                                                   const backend_leg& to);
/// The settings of the machine. `to` may have no server yet. `accepted`: when the client connected.
[[nodiscard]] proto::relay_settings machine_settings(const session_context& gate, const client_control& client,
                                                     const backend_leg& to, net::deadline accepted);
/// `client` outlives the search.
[[nodiscard]] backend_selection::search search_for(const client_control& client, std::string user, std::string host);
/// What a data connection takes from the control connections, without the callbacks.
[[nodiscard]] data_relay_options data_relay_options_for(const proto::relay_plan& plan, const session_context& gate,
                                                        const client_control& client, const backend_leg& to);

/// The name that the backend's certificate must have.
[[nodiscard]] std::string tls_host_of(const client_control& client, const backend_leg& to);

/// How sockets of the backend leg are made, if they bear the client's address (--server-sees client); empty otherwise.
/// `client` outlives the function.
[[nodiscard]] std::function<result<unique_fd>()> socket_maker(const session_context& gate, const client_control& client);

/// The session of a record, and what status shows of both legs.
[[nodiscard]] record_owner owner_of(const client_control& client, const backend_leg& to, std::string user);
[[nodiscard]] status::session_report report_of(const client_control& client, const backend_leg& to,
                                               net::clock::duration age);

}  // namespace sallyport::gate
