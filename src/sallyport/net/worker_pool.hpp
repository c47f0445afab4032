#pragma once
// A pool of threads for work that may block: disk access, password hashes, DNS lookups. offload() returns the result to the
// caller's event loop.
//
// Owned by its user, and must outlive the coroutines that use it. The queue is bounded by the number of sessions: each has
// one piece of work at a time, or two for a long listing. A blocked disk blocks threads of the pool, but never an event
// loop.

#include <cstddef>
#include <exception>
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

#include <sallyport/base/memory_reserve.hpp>
#include <sallyport/net/loop.hpp>

namespace sallyport::net {

class worker_pool {
public:
    explicit worker_pool(std::size_t threads);
    /// Waits for running work and drops work that has not started.
    ~worker_pool();
    worker_pool(const worker_pool&) = delete;
    worker_pool& operator=(const worker_pool&) = delete;

    /// Any thread. An exception that escapes from `work` is logged.
    void submit(std::move_only_function<void()> work);
    /// Any thread: true if work waits for a thread; a long piece of work can then yield.
    [[nodiscard]] bool has_queued_work() const;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

/// Runs `work` on the pool and resumes the caller on its own loop with the result, or with the exception that `work` threw.
/// Everything that it captures must live until it returns; locals of the caller do, as the caller is suspended.
template <class Work>
task<std::invoke_result_t<Work&>> offload(worker_pool& pool, loop& l, Work work) {
    using value = std::invoke_result_t<Work&>;
    static_assert(!std::is_void_v<value>, "return a result, so that failures are reported");
    std::optional<value> out;
    std::exception_ptr failure;
    const auto note = work_note::take();
    co_await asio::async_initiate<const asio::use_awaitable_t<executor>&, void()>(
        [&](auto handler) {
            const use_memory_reserve reserve;
            // The guard keeps the loop running until the work has finished.
            auto guard = asio::make_work_guard(l.context());
            pool.submit([&out, &failure, &work, &l, handler = std::move(handler), guard = std::move(guard)]() mutable {
                try {
                    out.emplace(work());
                } catch (...) {
                    failure = std::current_exception();
                }
                const use_memory_reserve on_this_thread;
                asio::post(l.context(), std::move(handler));
            });
        },
        asio::use_awaitable_t<executor>());
    note.set();
    if (failure) std::rethrow_exception(std::exchange(failure, nullptr));
    co_return std::move(*out);
}

}  // namespace sallyport::net
