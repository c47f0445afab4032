#pragma once
// A non-blocking descriptor on a loop: callers try their system call first and wait here when it would block.
//
// Waiting costs no system call (see readiness.hpp), on one condition: the caller has just seen EAGAIN. What waits is part of
// this object, so a wait allocates nothing but its frame. Loop thread only. One waiter per direction.

#include <sallyport/base/unique_fd.hpp>
#include <sallyport/net/deadline.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/net/readiness.hpp>

namespace sallyport::net {

class descriptor {
public:
    descriptor(loop& l, unique_fd fd);
    ~descriptor() { close(); }
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;

    [[nodiscard]] int get() const noexcept { return fd_.get(); }
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(fd_); }

    task<wait_result> readable(deadline until);
    task<wait_result> writable(deadline until);

    /// Ends a pending wait as cancelled.
    void interrupt_read() { waiting_.read.end_wait(wait_result::cancelled); }
    void close() noexcept;
    /// Gives the descriptor away, to another loop perhaps. Pending waits end as cancelled.
    [[nodiscard]] unique_fd release() noexcept;

private:
    /// With the first wait only: the connection of a small transfer is over before it has to wait. False: it can't be.
    bool ensure_registered(bool writing);
    task<wait_result> wait(bool registered, readiness::waiter& direction, deadline until);

    readiness& readiness_;
    unique_fd fd_;
    bool reports_writing_ = false;
    readiness::registration_id registration_ = readiness::none;
    readiness::directions waiting_;
};

}  // namespace sallyport::net
