#pragma once
// A non-blocking descriptor on an event loop: callers try their system call first and wait here if it would block.
//
// Owns the descriptor; must not outlive its loop. Loop thread only, with at most one waiter per direction. A wait costs no
// system call (see readiness.hpp), provided that the caller has just got EAGAIN, and allocates nothing but its coroutine
// frame.

#include <span>

#include <sys/types.h>

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

    /// recv() without flags. If the last call emptied the socket and nothing was reported since, it fails with EAGAIN
    /// without a system call: the usual case when a control connection waits for its next command.
    [[nodiscard]] ssize_t receive(std::span<char> into) noexcept;

    task<wait_result> readable(deadline until);
    task<wait_result> writable(deadline until);

    /// Ends a pending wait as cancelled.
    void interrupt_read() { waiting_.read.end_wait(wait_result::cancelled); }
    void close() noexcept;
    /// Releases the descriptor, for example to another loop. Pending waits end as cancelled.
    [[nodiscard]] unique_fd release() noexcept;

private:
    /// Registers the descriptor at its first wait, as the connection of a small transfer often ends without one. Returns
    /// false if that is not possible.
    bool ensure_registered(bool writing);
    task<wait_result> wait(bool registered, readiness::waiter& direction, deadline until);

    readiness& readiness_;
    unique_fd fd_;
    bool reports_writing_ = false;
    readiness::registration_id registration_ = readiness::none;
    readiness::directions waiting_;
};

}  // namespace sallyport::net
