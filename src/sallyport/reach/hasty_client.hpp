#pragma once
// A client for which the reply to EPSV or PASV comes too early. Where that is there when curl (7.88, for one) first looks,
// right after the command, and the command was the first for this file, curl forgets that it is to connect and sleeps until
// its next round, a second later. So on one machine, or behind a quick network, each file of a kept session takes a second.
//
// The sleep is seen from here: after the reply nothing is heard for just that second. From then on the replies wait a
// moment, which costs that client a hundredth of the time, and others nothing. A value; one thread.

#include <chrono>
#include <optional>

#include <sallyport/net/deadline.hpp>

namespace sallyport::reach {

class hasty_client {
public:
    /// A 227 or 229 leaves now.
    void answered(net::deadline now) { answered_ = now; }
    /// The client's next command came.
    void heard(net::deadline now) {
        using namespace std::chrono_literals;
        if (!answered_) return;
        const auto slept = now - *answered_;
        if (slept > 980ms && slept < 1100ms) pause_ = 2ms;
        answered_.reset();
    }
    /// What the next 227 or 229 is to wait; zero for nearly everybody.
    [[nodiscard]] net::clock::duration pause() const noexcept { return pause_; }

private:
    std::optional<net::deadline> answered_;
    net::clock::duration pause_{};
};

}  // namespace sallyport::reach
