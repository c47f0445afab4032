#pragma once
// Deadlines for every wait, cheaply: a hashed wheel per loop instead of a timer per operation.
//
// A `deadline_node` belongs to one waiting object (a socket, usually). arm() only stores a time: nodes are moved lazily,
// when the slot they sit in comes round. So arming for every read costs no system call and no allocation.
// On expiry the node's callback runs on the loop's thread; it ends the wait (cancels the socket), and the wait's owner
// decides: value first, then the deadline, then the error (DESIGN.md decision 8). Never early; late by at most
// `granularity`. Loop thread only.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include <sallyport/net/asio.hpp>

namespace sallyport::net {

using clock = std::chrono::steady_clock;
using deadline = clock::time_point;

class stall_watch;

/// How long an operation may take: `progress` bounds each wait for the other side, `total` the whole. For the data of a
/// transfer `stall` takes the place of `progress`: it is shared by all of its waits and must outlive them.
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
    [[nodiscard]] bool expired() const noexcept { return expired_; }  // since the last arm()

private:
    friend class deadline_wheel;
    static constexpr std::int64_t unlinked = -1;

    deadline_wheel* wheel_;
    std::move_only_function<void()> on_expiry_;
    deadline deadline_{};
    deadline_node* next_ = nullptr;
    deadline_node* previous_ = nullptr;
    std::int64_t tick_ = unlinked;  // when the slot that holds this node comes round
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

/// Waits until `due` on the loop that owns `wheel`. Exact, so it costs a timer: for pauses, not for every wait.
task<> sleep_until(deadline_wheel& wheel, deadline until);

}  // namespace sallyport::net
