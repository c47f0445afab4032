#pragma once
// Deadlines for waits: a hashed timer wheel per event loop instead of a timer per operation.
//
// A `deadline_node` is owned by one waiting object, usually a socket, and must not outlive its loop. arm() only stores a
// time; a node is moved to its slot when the wheel reaches the slot that it is in. So arming for each read costs no system
// call and no allocation. On expiry the node's callback runs on the loop's thread and ends the wait, and the waiter checks
// for a value first, then for the deadline, then for the error (docs/decisions/08). Never early, and at most `granularity`
// late. Loop thread only.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include <sallyport/net/asio.hpp>

namespace sallyport::net {

using clock = std::chrono::steady_clock;
using deadline = clock::time_point;

class stall_watch;

/// How long an operation may take: `progress` limits each wait for the peer, `total` the complete operation. For the data
/// of a transfer, `stall` replaces `progress`: it is shared by all waits of the transfer and must outlive them.
struct time_limit {
    clock::duration progress = std::chrono::hours(24);
    deadline total = deadline::max();
    stall_watch* stall = nullptr;

    [[nodiscard]] static time_limit within(clock::duration duration) { return {duration, clock::now() + duration}; }
    [[nodiscard]] deadline next(deadline now) const { return total - now < progress ? total : now + progress; }
};

class deadline_wheel;

class deadline_node {
public:
    /// `expired` must end the wait; it must not destroy a node.
    deadline_node(deadline_wheel& wheel, std::move_only_function<void()> expired);
    ~deadline_node();
    deadline_node(const deadline_node&) = delete;
    deadline_node& operator=(const deadline_node&) = delete;

    void arm(deadline until);
    void disarm() noexcept { armed_ = false; }
    /// True if the deadline has passed since the last arm().
    [[nodiscard]] bool expired() const noexcept { return expired_; }

private:
    friend class deadline_wheel;
    static constexpr std::int64_t unlinked = -1;

    deadline_wheel* wheel_;
    std::move_only_function<void()> on_expiry_;
    deadline deadline_{};
    deadline_node* next_ = nullptr;
    deadline_node* previous_ = nullptr;
    // The tick at which the slot of this node is processed.
    std::int64_t tick_ = unlinked;
    bool armed_ = false;
    bool expired_ = false;
};

class deadline_wheel {
public:
    static constexpr auto granularity = std::chrono::milliseconds(50);

    explicit deadline_wheel(asio::io_context& context);
    ~deadline_wheel();

private:
    friend class deadline_node;
    friend task<> sleep_until(deadline_wheel& wheel, deadline until);
    struct impl;
    std::unique_ptr<impl> impl_;
};

/// Waits until `until` on the loop that owns `wheel`. Exact, but it costs a timer: meant for pauses, not for each wait.
task<> sleep_until(deadline_wheel& wheel, deadline until);

}  // namespace sallyport::net
