#pragma once
// One coroutine waits until another part of the same loop has something for it: an arrived data connection, an answer
// of a pool. Loop thread only; one waiter at a time.

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

    /// True once set (also where it was before), false where `due` came first. Does not clear.
    task<bool> wait(deadline until);

private:
    asio::basic_waitable_timer<clock, asio::wait_traits<clock>, executor> timer_;
    bool set_ = false;
};

}  // namespace sallyport::net
