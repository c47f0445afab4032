#pragma once
// Readiness of a loop's descriptors: an epoll instance of its own, in addition to Asio's, which waits for it with
// async_wait().
//
// Asio's public wait for a descriptor rearms it with epoll_ctl each time, one more system call per FTP command. Here a
// descriptor is registered once, edge-triggered, and its waits cost no system call; instead the loop makes two short calls
// each time it wakes up, for everything that is ready. The state of a wait is part of the descriptor's object.
//
// Owned by the io_context as a service, which the first descriptor creates. When the loop is destroyed, waiting coroutines
// are destroyed and not resumed. Loop thread only.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/intrusive/list.hpp>
#include <sallyport/net/deadline.hpp>
#include <sallyport/net/work_note.hpp>

namespace sallyport::net {

enum class wait_result : std::uint8_t {
    // The system call can be tried again; it may still block.
    ready,
    timeout,
    // The wait was interrupted, or the descriptor was closed.
    cancelled,
};

class readiness final : public asio::execution_context::service {
public:
    using handler = std::move_only_function<void(wait_result)>;

    /// One direction of a descriptor and the coroutine that waits for it; at most one.
    class waiter : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
    public:
        waiter(readiness& owner, deadline_wheel& wheel);
        /// Starts a wait. Never calls `resume` immediately.
        void start(handler resume, deadline until);
        /// Ends the wait, if there is one: its handler is called later, not immediately. If it ends in several ways before
        /// that, `cancelled` has precedence, then `ready`, unless the deadline had passed when the wait started.
        void end_wait(wait_result end);
        /// The same, unless the wait has ended already.
        void end_wait_if_pending(wait_result end);

    private:
        friend class readiness;
        void call_handler();

        readiness& owner_;
        deadline_node deadline_;
        handler resume_;
        // Of the coroutine that waits.
        work_note note_;
        wait_result end_ = wait_result::ready;
        // Its deadline had passed when the wait started.
        bool started_late_ = false;
    };

    struct directions {
        waiter read;
        waiter write;
        // A read has emptied the socket, and nothing was reported since.
        bool emptied = false;
        // The peer has finished, the connection has failed, or urgent data (at which a read stops) has arrived: a short read
        // then says nothing about what comes next.
        bool may_read_short = false;
    };

    /// Identifies a registration. Events that the kernel reports for a removed registration are ignored.
    using registration_id = std::uint64_t;
    static constexpr registration_id none = UINT64_MAX;

    explicit readiness(asio::io_context& owner);

    /// Returns `none` if there is no memory or no epoll watch left. REQUIRES: the caller has just got EAGAIN, as before
    /// each wait.
    [[nodiscard]] registration_id add(int fd, directions& waiting, bool writing);
    /// Reports writability too, for which few descriptors wait. False: the kernel has refused it.
    [[nodiscard]] bool report_writing(int fd, registration_id known);
    /// Removes a registration. The kernel removes a closed descriptor itself, unless another one refers to the same file.
    void remove(int fd, registration_id known, bool closing) noexcept;

    // Identifies the service for Asio.
    static inline asio::execution_context::id id;

private:
    struct slot {
        // Null if this slot is free.
        directions* waiting = nullptr;
        std::uint32_t generation = 0;
    };
    using waiters = boost::intrusive::list<waiter, boost::intrusive::constant_time_size<false>>;

    void shutdown() override;
    void watch();
    int read_events();
    void resume_all();
    void resume_soon();

    const executor on_;
    asio::posix::basic_stream_descriptor<executor> epoll_;
    std::vector<slot> slots_;
    std::vector<std::uint32_t> free_slots_;
    // Waits that have ended and whose handlers must be called.
    waiters ended_;
    bool watching_ = false;
    bool scheduled_ = false;
};

}  // namespace sallyport::net
