#pragma once
// Which descriptors of a loop are ready: an epoll of our own beside Asio's, which watches it by its public async_wait().
//
// Asio's public wait on a descriptor arms it anew by epoll_ctl each time, a system call more for each command of a session.
// Here a descriptor is registered once, edge-triggered, and its waits cost no call at all; instead a loop makes two short
// calls each time it wakes up, for everything that is ready by then. What waits is part of the descriptor's object.
//
// A service of the io_context, made by the first descriptor on it: when the loop is destroyed, the coroutines that still
// wait are destroyed as well, not resumed. Loop thread only.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/intrusive/list.hpp>
#include <sallyport/net/deadline.hpp>

namespace sallyport::net {

enum class wait_result : std::uint8_t {
    ready,  // try again; it may still block
    timeout,
    cancelled,  // interrupted, or closed
};

class readiness final : public asio::execution_context::service {
public:
    using handler = std::move_only_function<void(wait_result)>;

    /// One direction of a descriptor, and who waits for it. One waiter at a time.
    class waiter : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
    public:
        waiter(readiness& owner, deadline_wheel& wheel);
        /// Never calls `resume` at once.
        void start(handler resume, deadline until);
        /// Ends the wait, if there is one: its handler is called soon, not at once.
        void end_wait(wait_result end);
        /// The same, if the wait has not come to an end already.
        void end_wait_if_pending(wait_result end);

    private:
        friend class readiness;
        void call_handler();

        readiness& owner_;
        deadline_node deadline_;
        handler resume_;
        wait_result end_ = wait_result::ready;
    };

    struct directions {
        waiter read;
        waiter write;
    };

    /// Names a registration; never one that has ended, whatever the kernel still reports of it.
    using registration_id = std::uint64_t;
    static constexpr registration_id none = UINT64_MAX;

    explicit readiness(asio::io_context& owner);

    /// `none`: there is no memory, or no watch left. REQUIRES: the caller has just seen EAGAIN, as before each wait.
    [[nodiscard]] registration_id add(int fd, directions& waiting, bool writing);
    /// Reports writing too, which few descriptors ever wait for.
    void report_writing(int fd, registration_id known);
    /// The kernel forgets a descriptor by itself when it is closed, but not while there is another one of the same file.
    void remove(int fd, registration_id known, bool closing) noexcept;

    static inline asio::execution_context::id id;  // by which Asio finds the service

private:
    struct slot {
        directions* waiting = nullptr;  // nullptr: this slot is free
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
    waiters ended_;  // to be resumed
    bool watching_ = false;
    bool scheduled_ = false;
};

}  // namespace sallyport::net
