#pragma once
// A pool of threads for work that may block: disk access, password hashes, DNS lookups. offload() returns the result to the
// caller's event loop.
//
// Waiting work gets its turn in an order that is fair by client address and by session (base/fair_queue). Only a limited
// number of pieces run at a time, so that they leave the processor to the event loops. Long work is done in slices, see
// time_slice, and has places of its own, so that brief work does not wait for it. A piece that exceeds its slice all the
// same waits for a disk: it no longer counts, and another thread takes its place, up to a maximum number of threads.
//
// Owned by its user, and must outlive the coroutines that use it. The queue is bounded by the number of sessions: each has
// one piece of work at a time, or two for a long listing. For clients that have not logged in, the queue has a maximum
// length: when it is full, the address with the most queued work loses its newest piece. A blocked disk blocks threads of
// the pool, but never an event loop.

#include <cstddef>
#include <cstdint>
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

#include <sallyport/base/fair_queue.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/base/memory_reserve.hpp>
#include <sallyport/net/loop.hpp>

namespace sallyport::net {

enum class work_kind : std::uint8_t { brief, sliced };

struct pool_size {
    // Pieces of brief work and slices of long work that run at a time, apart from those that wait for a disk.
    std::size_t brief;
    std::size_t sliced;
    // Threads, including those that wait for a disk. Those for brief work are started at once, the others when they are
    // needed.
    std::size_t threads;
};

class worker_pool {
public:
    /// For work that does not wait for a disk. `max_queued`: see submit_if_place().
    explicit worker_pool(std::size_t threads, std::size_t max_queued = SIZE_MAX);
    explicit worker_pool(pool_size size);
    /// Waits for running work and drops work that has not started.
    ~worker_pool();
    worker_pool(const worker_pool&) = delete;
    worker_pool& operator=(const worker_pool&) = delete;

    /// Any thread. An exception that escapes from `work` is logged. Work without an owner, such as that of the daemon
    /// itself, has turns like that of one more client. REQUIRES: an unbounded pool.
    template <class Work>
    void submit(Work work, const work_owner& owner = {}, work_kind kind = work_kind::brief) {
        add([w = std::move(work)](bool /*has_turn*/) mutable { w(); }, owner, kind);
    }
    /// The same for a pool whose queue may be full. `work` is called once: with true when it is its turn, or with false, by
    /// any thread, if it has no place in the queue or loses it to work of another address.
    void submit_if_place(std::move_only_function<void(bool has_turn)> work, const work_owner& owner) {
        add(std::move(work), owner, work_kind::brief);
    }
    /// Any thread: true if work waits for a thread; a long piece of work can then yield.
    [[nodiscard]] bool has_queued_work() const;

private:
    void add(std::move_only_function<void(bool has_turn)> work, const work_owner& owner, work_kind kind);

    struct impl;
    std::unique_ptr<impl> impl_;
};

/// The time that a piece of work may take while other work waits: made when the piece starts, on its thread.
class time_slice {
public:
    explicit time_slice(const worker_pool& pool) : pool_(pool) {}
    /// When the piece should look whether it must yield.
    [[nodiscard]] deadline end() const noexcept { return end_; }
    /// True if the piece must end now, and the rest of its work be submitted again.
    [[nodiscard]] bool must_yield() const { return clock::now() >= end_ && pool_.has_queued_work(); }

private:
    const worker_pool& pool_;
    const deadline end_ = clock::now() + limits::work_slice;
};

/// Suspends the caller while another thread calls `work`, and resumes it on its own loop, with the exception that `work`
/// threw. `submit` gets a function for that thread, which passes its arguments to `work` and is called once. What both refer
/// to must live until then; locals of the caller do.
template <class Submit, class Work>
task<> call_on_other_thread(loop& l, Submit submit, Work work) {
    std::exception_ptr failure;
    const auto note = work_note::take();
    co_await asio::async_initiate<const asio::use_awaitable_t<executor>&, void()>(
        [&](auto handler) {
            const use_memory_reserve reserve;
            // The guard keeps the loop running until the work has finished.
            auto guard = asio::make_work_guard(l.context());
            submit([&failure, &work, &l, handler = std::move(handler), guard = std::move(guard)](auto... arguments) mutable {
                try {
                    work(arguments...);
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
}

/// Runs `work` on the pool and resumes the caller on its own loop with the result, or with the exception that `work` threw.
/// Everything that it captures must live until it returns; locals of the caller do, as the caller is suspended.
template <class Work>
task<std::invoke_result_t<Work&>> offload(worker_pool& pool, loop& l, Work work, work_owner owner = {},
                                          work_kind kind = work_kind::brief) {
    using value = std::invoke_result_t<Work&>;
    static_assert(!std::is_void_v<value>, "return a result, so that failures are reported");
    std::optional<value> out;
    auto submit = [&](auto piece) { pool.submit(std::move(piece), owner, kind); };
    auto keep_result = [&] { out.emplace(work()); };
    co_await call_on_other_thread(l, std::move(submit), std::move(keep_result));
    co_return std::move(*out);
}

/// Like offload(), for a pool whose queue may be full. False if `work` had no place, and was not called.
template <class Work>
task<bool> offload_if_place(worker_pool& pool, loop& l, Work work, work_owner owner) {
    bool had_turn = false;
    auto submit = [&](auto piece) { pool.submit_if_place(std::move(piece), owner); };
    auto work_in_turn = [&](bool has_turn) {
        had_turn = has_turn;
        if (has_turn) work();
    };
    co_await call_on_other_thread(l, std::move(submit), std::move(work_in_turn));
    co_return had_turn;
}

}  // namespace sallyport::net
