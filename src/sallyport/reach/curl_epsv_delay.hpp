#pragma once
// Delays replies to EPSV and PASV for curl versions that wait one second if such a reply arrives too early.
//
// If the reply has already arrived when curl first reads after the command, and the command was the first one for this file,
// curl connects only in the next round of its event loop, one second later. On one machine or in a fast network every file
// of a reused session then takes a second. Measured: curl 7.88 (Debian 12) is affected, curl 7.74 (Debian 11) and 8.14
// (Debian 13) are not. This file can be deleted when such versions are no longer in use.
//
// The client is recognized by its silence: after the reply it sends nothing for about one second. From then on the replies
// of this session are delayed by 2 ms. Other clients are not affected.
//
// Owned by its session, one for each; used on the session's thread only.

#include <chrono>
#include <optional>

#include <sallyport/net/deadline.hpp>

namespace sallyport::reach {

class curl_epsv_delay {
public:
    /// Call this when a 227 or 229 is sent.
    void reply_sent(net::deadline now) { reply_sent_ = now; }
    /// Call this when the client's next command has arrived.
    void command_received(net::deadline now) {
        using namespace std::chrono_literals;
        if (!reply_sent_) return;
        const auto silence = now - *reply_sent_;
        if (silence > 980ms && silence < 1100ms) delay_ = 2ms;
        reply_sent_.reset();
    }
    /// The delay for the next 227 or 229; zero for nearly all clients.
    [[nodiscard]] net::clock::duration delay() const noexcept { return delay_; }

private:
    std::optional<net::deadline> reply_sent_;
    net::clock::duration delay_{};
};

}  // namespace sallyport::reach
