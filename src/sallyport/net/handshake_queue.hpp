#pragma once
// Limits the TLS handshakes that sign at a time (TLS-04, RX-03): a signature with an RSA key of 4096 bits takes some
// milliseconds, so event loops leave slow ones to the threads of this queue. Half of the processors have one thread each,
// and the others are left to the loops.
//
// What is above the limit waits. The queue is fair by client address (base/fair_queue.hpp) and bounded: if it is full, a
// handshake of the address that holds most of it is rejected. A handshake whose client has disconnected takes no time.
//
// Owned by the state that survives reloads; it must outlive the coroutines that use it. Any thread.

#include <cstddef>
#include <functional>
#include <memory>

#include <sallyport/base/fair_queue.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/net/loop.hpp>

namespace sallyport::net {

class handshake_queue {
public:
    explicit handshake_queue(std::size_t threads = default_threads(),
                             std::size_t max_queued = limits::max_queued_handshakes);
    /// Waits for running signatures and drops those that wait.
    ~handshake_queue();
    handshake_queue(const handshake_queue&) = delete;
    handshake_queue& operator=(const handshake_queue&) = delete;

    /// Runs `sign` on a thread of the queue and returns to the loop, with the exception that escaped from it if there is
    /// one. False if there was no place in the queue, and `sign` was not called. What it refers to must live until then.
    task<bool> run(loop& l, work_owner owner, std::function<void()> sign);

    [[nodiscard]] static std::size_t default_threads();

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace sallyport::net
