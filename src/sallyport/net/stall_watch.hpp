#pragma once
// Whether a transfer has stalled: whether TCP has carried less than so many bytes a second, on average over a time. A peer
// that sends or takes a byte now and then keeps no transfer alive (DC-05).
//
// Only time counts in which something waits for a peer, so neither a slow disk nor our own rate limits make a transfer
// stall. What TCP has carried is asked of the kernel, and only where a wait is long: with a full send buffer a socket
// becomes writable again long after its peer has begun to take bytes, and a TLS record can't be read before all of it is
// there. One for each transfer and both of its connections, where it has two; waits on them may overlap. Loop thread only.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <string>

#include <sallyport/net/deadline.hpp>

namespace sallyport::net {

/// What the user has set.
struct stall_rule {
    clock::duration window{};            // --stall-timeout
    std::uint64_t bytes_per_second = 0;  // --stall-rate; 0: any byte counts
};

class stall_watch {
public:
    explicit stall_watch(stall_rule rule);

    /// For the operations of a transfer.
    [[nodiscard]] time_limit limit() noexcept { return {.progress = rule_.window, .stall = this}; }

    // Around each wait for a peer.
    void wait_started(deadline now) noexcept;
    void wait_finished(deadline now) noexcept;
    /// A pause that our own rate limit causes, while the other direction may wait.
    void exclude(clock::duration pause) noexcept {
        if (waits_ > 0) waited_ -= pause;
    }

    /// When a wait should look at what was carried.
    [[nodiscard]] deadline next_check(deadline now) const noexcept;
    /// `carried`: what TCP has carried on that socket so far, both ways. True where something is new.
    bool check_progress(int socket, std::uint64_t transferred, deadline now) noexcept;
    /// REQUIRES: look() at the same time.
    [[nodiscard]] bool stalled(deadline now) const noexcept { return waited(now) >= rule_.window; }

    /// The rule that was broken: "fewer than 32 bytes a second for 60 s".
    [[nodiscard]] std::string text() const;

private:
    [[nodiscard]] clock::duration waited(deadline now) const noexcept {
        return waits_ > 0 ? waited_ + (now - since_) : waited_;
    }

    struct connection {
        int socket = -1;
        std::uint64_t transferred = 0;  // when it was looked at last
        std::uint64_t recent = 0;       // since the time that is counted began
    };

    stall_rule rule_;
    std::uint64_t min_bytes_;  // in the whole window
    std::array<connection, 2> connections_{};
    clock::duration waited_{};  // without the waits that go on
    deadline since_{};          // these began, or were counted
    int waits_ = 0;
};

/// What TCP has carried on this connection, both ways, as the peer has acknowledged it.
[[nodiscard]] std::uint64_t tcp_bytes_transferred(int socket) noexcept;

}  // namespace sallyport::net
