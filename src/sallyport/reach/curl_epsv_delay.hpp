#pragma once
// A delay before the reply to EPSV or PASV, for versions of curl that lose a second where the reply arrives too early.
//
// If the reply is there when curl first reads after the command, and the command was the first one for this file, curl
// doesn't connect before its next round, a second later. So on one machine, or in a fast network, each file of a kept
// session takes a second. Measured with a reply that is always there by then: curl 7.88 (Debian 12) does so, curl 7.74
// (Debian 11) and 8.14 (Debian 13) don't. This file can be deleted when nobody uses such a version any more.
//
// The server can tell: after the reply the client is silent for just that second. From then on this session's replies are
// delayed by a moment, which costs that client a hundredth of the time, and other clients nothing.
// Owned by a session, one for each, and used on its thread alone.

#include <chrono>
#include <optional>

#include <sallyport/net/deadline.hpp>

namespace sallyport::reach {

class curl_epsv_delay {
public:
    /// A 227 or 229 is sent now.
    void reply_sent(net::deadline now) { reply_sent_ = now; }
    /// The client's next command has arrived.
    void command_received(net::deadline now) {
        using namespace std::chrono_literals;
        if (!reply_sent_) return;
        const auto silence = now - *reply_sent_;
        if (silence > 980ms && silence < 1100ms) delay_ = 2ms;
        reply_sent_.reset();
    }
    /// How long the next 227 or 229 must be delayed; zero for nearly all clients.
    [[nodiscard]] net::clock::duration delay() const noexcept { return delay_; }

private:
    std::optional<net::deadline> reply_sent_;
    net::clock::duration delay_{};
};

}  // namespace sallyport::reach
