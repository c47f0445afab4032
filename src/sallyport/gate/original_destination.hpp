#pragma once
// Connects an intercepted session to the server that its client has connected to (G2, G3). The result is a destination, as
// the pool's (backend_selection.hpp).
//
// Loop thread only. Arguments taken by reference must outlive the call.

#include <expected>

#include <sallyport/gate/backend_leg.hpp>
#include <sallyport/gate/client_control.hpp>
#include <sallyport/gate/session_context.hpp>

namespace sallyport::gate {

/// REQUIRES: the client was intercepted. `up_to`: see leg_request.
net::task<std::expected<established_leg, no_leg>> connect_original(net::loop& loop, const session_context& gate,
                                                                   const client_control& client, leg_request request,
                                                                   std::function<void(log::level, std::string_view)> log);

}  // namespace sallyport::gate
