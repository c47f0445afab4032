#pragma once
// Readiness by edge-triggered epoll: one epoll_ctl in a socket's life, one epoll_wait for many sockets' events, and no
// reading before the kernel has said that there is something. One thread.

#include <chrono>
#include <coroutine>
#include <cstdint>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>

namespace sallyport::load {

/// What is known of one socket, and the coroutine that waits for it.
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

    /// `state` gets the events of `fd` until forget(fd).
    [[nodiscard]] result<void> watch(int fd, readiness& state);
    void unwatch(int fd) noexcept;

    /// Waits for events, at most `longest`, and resumes who waits for them. False if none came.
    bool turn(std::chrono::milliseconds timeout);

private:
    // Events carry descriptor and generation: one that is closed while its event is still in the batch is not mistaken
    // for its successor.
    struct slot {
        readiness* state = nullptr;
        std::uint32_t generation = 0;
    };

    unique_fd epoll_;
    std::vector<slot> slots_;
};

}  // namespace sallyport::load
