#pragma once
// Asks a server for its view of a session: SITE DOCTOR, which `sallyport serve` and `gate` answer if their administrator
// allows it. Every other server refuses the command. On the thread of the connection's loop; the arguments must outlive the
// call.

#include <optional>
#include <vector>

#include <sallyport/client/connection.hpp>
#include <sallyport/diagnosis/facts.hpp>

namespace sallyport::doctor {

/// After an attempt with a data method, before the next negotiation. Nothing if the server does not support it, or if the
/// session is not in a state in which it answers commands.
net::task<std::optional<diagnosis::server_view>> ask_server(client::connection& session,
                                                            const diagnosis::method_facts& attempt);

/// Before the doctor has further sessions of its own: what the server knows of other clients of the same user and address.
/// Nothing if the server does not support it.
net::task<std::optional<std::vector<diagnosis::server_view>>> ask_for_other_sessions(client::connection& session);

}  // namespace sallyport::doctor
