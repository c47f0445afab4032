#pragma once
// The TLS passthrough of one session: control bytes are relayed between client and backend without decryption (G10, GW-06).
//
// Owned by its session, whose streams it uses until run() returns. Loop thread only.

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <sallyport/base/log.hpp>
#include <sallyport/gate/backend_selection.hpp>
#include <sallyport/gate/client_control.hpp>
#include <sallyport/gate/passed_ports.hpp>
#include <sallyport/gate/passthrough_ports.hpp>
#include <sallyport/gate/session_context.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/net/relay_pump.hpp>
#include <sallyport/net/stream.hpp>

namespace sallyport::gate {

/// When such a session is closed as idle. A running data connection counts as activity (G5), so that the session is checked
/// again later. A value.
struct passthrough_activity {
    bool data_running = false;
    // The last byte on the control connection, in either direction.
    net::deadline last_control{};
    net::deadline last_data_end{};

    [[nodiscard]] net::deadline idle_until(net::deadline now, net::clock::duration limit) const noexcept {
        return (data_running ? now : std::max(last_control, last_data_end)) + limit;
    }
};

class passthrough_session {
public:
    using log_sink = std::function<void(log::level, std::string_view)>;

    passthrough_session(std::shared_ptr<session_context> gate, net::loop& loop, client_control& client, backend_leg& backend,
                        log_sink log);

    /// Relays until one side closes, the session is idle for too long, or stop(). `owner` owns this and both streams.
    net::task<> run(std::shared_ptr<const void> owner);
    /// Ends the session as soon as its client has no open data connection.
    void stop();

private:
    [[nodiscard]] net::task<std::string> pass_ports();
    [[nodiscard]] net::task<bool> has_passed_data();
    static net::task<> close_when_idle(passthrough_session& self, std::shared_ptr<const void> owner);

    std::shared_ptr<session_context> gate_;
    net::loop& loop_;
    client_control& client_;
    backend_leg& backend_;
    log_sink log_;
    // Null if this gateway forwards no data ports for the session.
    std::shared_ptr<passthrough_ports::passthrough_client> forwarded_ports_;
    // Of an intercepted session whose client may connect to ports of its server.
    passed_ports::lease permitted_ports_;
    // When packets were found to pass on its data connections.
    net::deadline last_passed_data_{};
    net::relay_counts counts_;
    net::event wake_;
    bool stopping_ = false;
    bool ended_ = false;
};

}  // namespace sallyport::gate
