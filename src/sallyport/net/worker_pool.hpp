#pragma once
// Work that may block (disk, password hashes, name look-ups) runs on a small pool of threads and comes back to its loop.
//
// The pool's queue is bounded by what the sessions can ask for: one piece of work each, two for a long listing. A hung disk
// holds a pool thread, never a loop.

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <sallyport/net/loop.hpp>

namespace sallyport::net {

class worker_pool {
public:
    explicit worker_pool(std::size_t threads);
    ~worker_pool();  // waits for running work, drops what has not begun
    worker_pool(const worker_pool&) = delete;
    worker_pool& operator=(const worker_pool&) = delete;

    /// Any thread.
    void submit(std::move_only_function<void()> work);
    /// Any thread: true where work waits for a thread. Who has been at work for long may then give way.
    [[nodiscard]] bool has_queued_work() const;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

/// Runs `work` on the pool and resumes the caller on its own loop with the result. `work` must not throw. Everything it
/// captures must stay alive until it returns: the caller is suspended, so its own locals are safe.
template <class Work>
task<std::invoke_result_t<Work&>> offload(worker_pool& pool, loop& l, Work work) {
    using value = std::invoke_result_t<Work&>;
    static_assert(!std::is_void_v<value>, "return a result, so that failure has a way back");
    std::optional<value> out;
    co_await asio::async_initiate<const asio::use_awaitable_t<executor>&, void()>(
        [&](auto handler) {
            // The guard keeps the loop from ending while the work is out.
            auto guard = asio::make_work_guard(l.context());
            pool.submit([&out, &work, &l, handler = std::move(handler), guard = std::move(guard)]() mutable {
                out.emplace(work());
                asio::post(l.context(), std::move(handler));
            });
        },
        asio::use_awaitable_t<executor>());
    co_return std::move(*out);
}

}  // namespace sallyport::net
