#pragma once
// The backend leg of a session whose client has named the server itself, at a forward proxy (--forward-to).
//
// What the rules do not permit is refused like a wrong password, whatever the cause, so that the client learns nothing about
// the network; the log has the cause. A permitted server that does not respond is reported to the client.
//
// Loop thread only. The session outlives the call.

#include <expected>
#include <functional>
#include <memory>
#include <string_view>

#include <sallyport/gate/backend_leg.hpp>
#include <sallyport/gate/session_context.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/proto/named_server.hpp>

namespace sallyport::gate {

/// Looks the server up if its name may be permitted, and connects to it.
net::task<std::expected<established_leg, no_leg>> connect_named(net::loop& loop, std::shared_ptr<session_context> gate,
                                                                proto::named_server server, leg_request request,
                                                                std::function<void(log::level, std::string_view)> log);

}  // namespace sallyport::gate
