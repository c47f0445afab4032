#pragma once
// An event for which one coroutine waits until another part of the same event loop sets it, for example when a data
// connection has arrived or a pool has finished. Owned by its user, which must not outlive the loop. Loop thread only; at
// most one waiter.

#include <boost/asio/basic_waitable_timer.hpp>
#include <sallyport/net/loop.hpp>

namespace sallyport::net {

class event {
public:
    explicit event(loop& l);
    event(const event&) = delete;
    event& operator=(const event&) = delete;

    void set();
    void clear() noexcept { set_ = false; }
    [[nodiscard]] bool is_set() const noexcept { return set_; }

    /// Returns true once the event is set, also if it was set before, and false after `until`. Does not clear the event.
    task<bool> wait(deadline until);

private:
    asio::basic_waitable_timer<clock, asio::wait_traits<clock>, executor> timer_;
    bool set_ = false;
};

}  // namespace sallyport::net
