#pragma once
// Readiness of sockets with edge-triggered epoll: one epoll_ctl per socket, one epoll_wait for the events of many
// sockets, and no read before the kernel has reported data. Owned by the run; one thread.

#include <chrono>
#include <coroutine>
#include <cstdint>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>

namespace sallyport::load {

/// The state of one socket, and the coroutines that wait for it.
struct readiness {
    bool readable = false;
    bool writable = false;
    bool peer_closed = false;
    std::coroutine_handle<> reader;
    std::coroutine_handle<> writer;
};

/// co_await until_readable{r}: at once if `r` is readable.
struct until_readable {
    readiness& of;
    bool await_ready() const noexcept { return of.readable; }
    void await_suspend(std::coroutine_handle<> self) const noexcept { of.reader = self; }
    void await_resume() const noexcept {}
};

struct until_writable {
    readiness& of;
    bool await_ready() const noexcept { return of.writable; }
    void await_suspend(std::coroutine_handle<> self) const noexcept { of.writer = self; }
    void await_resume() const noexcept {}
};

class reactor {
public:
    reactor();

    /// `state` gets the events of `fd` until unwatch(fd).
    [[nodiscard]] result<void> watch(int fd, readiness& state);
    void unwatch(int fd) noexcept;

    /// Waits for events for at most `timeout` and resumes the waiting coroutines. False if there was no event.
    bool turn(std::chrono::milliseconds timeout);

private:
    // Events contain descriptor and generation, so that an event of a closed descriptor is not taken for one of its reuse.
    struct slot {
        readiness* state = nullptr;
        std::uint32_t generation = 0;
    };

    unique_fd epoll_;
    std::vector<slot> slots_;
};

}  // namespace sallyport::load
