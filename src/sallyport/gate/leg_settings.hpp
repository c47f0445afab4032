#pragma once
// What follows for one session from the settings of its gateway and from its two legs: values for its machine, its data
// connections and its records. Functions without state; loop thread only.

#include <string>

#include <sallyport/gate/backend_selection.hpp>
#include <sallyport/gate/client_control.hpp>
#include <sallyport/gate/data_relay.hpp>
#include <sallyport/gate/session_context.hpp>
#include <sallyport/gate/transfer_report.hpp>
#include <sallyport/proto/relay_machine.hpp>

namespace sallyport::gate {

/// REQUIRES: there is a server.
[[nodiscard]] proto::relay_backend machine_backend(const backend_leg& to);
/// `to` may have no server yet. `accepted`: when the client connected.
[[nodiscard]] proto::relay_settings machine_settings(const session_context& gate, const client_control& client,
                                                     const backend_leg& to, net::deadline accepted);
[[nodiscard]] backend_selection::search search_for(const client_control& client, std::string user, std::string host);
/// What a data connection takes over from the control connections. The callbacks are still to be set.
[[nodiscard]] data_relay_options data_relay_options_for(const proto::relay_plan& plan, const session_context& gate,
                                                        const client_control& client, const backend_leg& to);

/// Who a record is about, and what status shows of both legs.
[[nodiscard]] record_owner owner_of(const client_control& client, const backend_leg& to, std::string user);
[[nodiscard]] status::session_report report_of(const client_control& client, const backend_leg& to,
                                               net::clock::duration age);

}  // namespace sallyport::gate
