#pragma once
// Detects stalled transfers: TCP has transferred fewer than a minimum of bytes per second, on average over a window of
// time. So a peer that sends or reads single bytes does not keep a transfer alive (DC-05).
//
// Only time counts in which the transfer waits for a peer, so a slow disk or a rate limit does not make it stall. The number
// of bytes is read from the kernel, and only during long waits: with a full send buffer a socket becomes writable again long
// after its peer has started to read, and a TLS record can be read only when it is complete.
//
// Owned by one transfer and used for both of its connections; waits on them may overlap. Loop thread only.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include <sallyport/net/deadline.hpp>

namespace sallyport::net {

/// The settings for stalled transfers.
struct stall_rule {
    // --stall-timeout.
    clock::duration window{};
    // --stall-rate; with 0 any byte is progress.
    std::uint64_t bytes_per_second = 0;
};

class stall_watch {
public:
    explicit stall_watch(stall_rule rule);

    /// The time limit for the operations of the transfer.
    [[nodiscard]] time_limit limit() noexcept { return {.progress = rule_.window, .stall = this}; }

    // To be called around each wait for a peer.
    void wait_started(deadline now) noexcept;
    void wait_finished(deadline now) noexcept;
    /// `handler` is called in each wait that lasts longer than limits::slow_peer_wait, once: the transfer can return memory.
    void set_slow_peer_handler(std::function<void()> handler) { on_slow_peer_ = std::move(handler); }
    [[nodiscard]] bool has_slow_peer_handler() const noexcept { return on_slow_peer_ != nullptr; }
    void report_slow_peer() const { on_slow_peer_(); }
    /// Excludes a pause for a rate limit, during which the other direction may be waiting.
    void exclude(clock::duration pause) noexcept {
        if (waits_ > 0) waited_ -= pause;
    }

    /// When a wait should check the progress next.
    [[nodiscard]] deadline next_check(deadline now) const noexcept;
    /// `transferred`: the bytes that TCP has transferred on that socket so far, in both directions. Returns true if there
    /// are new ones.
    bool check_progress(int socket, std::uint64_t transferred, deadline now) noexcept;
    /// REQUIRES: check_progress() was called at the same time.
    [[nodiscard]] bool stalled(deadline now) const noexcept { return waited(now) >= rule_.window; }

    /// The condition as text: "fewer than 32 bytes per second for 60 s".
    [[nodiscard]] std::string text() const;

private:
    [[nodiscard]] clock::duration waited(deadline now) const noexcept {
        return waits_ > 0 ? waited_ + (now - since_) : waited_;
    }

    struct connection {
        int socket = -1;
        // At the last check.
        std::uint64_t transferred = 0;
        // Since the start of the counted time.
        std::uint64_t recent = 0;
    };

    stall_rule rule_;
    // Minimum for a complete window.
    std::uint64_t min_bytes_;
    std::array<connection, 2> connections_{};
    // Without the current waits.
    clock::duration waited_{};
    // When the current waits started, or were counted last.
    deadline since_{};
    // Number of current waits.
    int waits_ = 0;
    std::function<void()> on_slow_peer_;
};

/// The bytes that TCP has transferred on this connection: those that the peer has acknowledged, and those received.
[[nodiscard]] std::uint64_t tcp_bytes_transferred(int socket) noexcept;

}  // namespace sallyport::net
