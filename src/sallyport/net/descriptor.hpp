#pragma once
// A non-blocking descriptor on a loop: callers try their system call first and wait here when it would block.
//
// Built on Asio's reactor directly, as Asio's own sockets are: its public async_wait() re-arms the descriptor by
// epoll_ctl before each wait, one system call more per command of a session. Waiting here costs none, on one condition:
// the caller has just seen EAGAIN. What waits is part of this object, so a wait allocates nothing but its frame.
// Loop thread only. One waiter per direction.

#include <cstdint>
#include <optional>

#include <boost/asio/async_result.hpp>
#include <boost/asio/detail/reactor.hpp>
#include <boost/asio/detail/reactor_op.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/net/deadline.hpp>
#include <sallyport/net/loop.hpp>

namespace sallyport::net {

enum class wait_end : std::uint8_t {
    ready,  // try again; it may still block
    timeout,
    cancelled,  // interrupted, or closed
};

class descriptor {
public:
    descriptor(loop& l, unique_fd fd);
    ~descriptor() { close(); }
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;

    [[nodiscard]] int get() const noexcept { return fd_.get(); }
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(fd_); }

    task<wait_end> readable(deadline due) { return wait(read_, due); }
    task<wait_end> writable(deadline due) { return wait(write_, due); }

    /// Ends a pending wait as cancelled.
    void interrupt_read() { read_.end_as(wait_end::cancelled); }
    void interrupt_write() { write_.end_as(wait_end::cancelled); }
    void close() noexcept;
    /// The same under a number of its own, for another thread: it stays open when this one is closed. Nothing where the
    /// system has no number left.
    [[nodiscard]] unique_fd duplicate();
    /// Gives the descriptor away, to another loop perhaps. REQUIRES: nobody waits.
    [[nodiscard]] unique_fd release() noexcept;

private:
    using reactor = asio::detail::reactor;
    using handler = asio::async_result<asio::use_awaitable_t<executor>, void(wait_end)>::handler_type;

    class wait_op final : public asio::detail::reactor_op {
    public:
        wait_op(descriptor& owner, deadline_wheel& wheel, int direction);
        void start(handler resume, deadline due);
        void end_as(wait_end end);

    private:
        static status perform(reactor_op* base);
        static void complete(void* owner, asio::detail::operation* base, const boost::system::error_code&, std::size_t);

        descriptor& owner_;
        deadline_node deadline_;
        std::optional<handler> resume_;
        int direction_;
        wait_end end_ = wait_end::ready;
        bool starting_ = false;
    };

    /// With the first wait only: the connection of a small transfer is over before it has to wait. False: it can't be.
    bool enlist();
    task<wait_end> wait(wait_op& op, deadline due);

    reactor& reactor_;
    unique_fd fd_;
    bool duplicated_ = false;
    reactor::per_descriptor_data registration_ = nullptr;
    wait_op read_;
    wait_op write_;
};

}  // namespace sallyport::net
