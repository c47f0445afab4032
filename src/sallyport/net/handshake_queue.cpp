#include <sallyport/net/handshake_queue.hpp>

#include <algorithm>
#include <exception>
#include <mutex>
#include <optional>
#include <utility>

#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <sallyport/base/memory_reserve.hpp>
#include <sallyport/net/worker_pool.hpp>

namespace sallyport::net {

struct handshake_queue::impl {
    /// Called once, with true on a thread of the pool when it is its turn, or with false if it has lost its place.
    using item = std::move_only_function<void(bool has_turn)>;

    impl(std::size_t threads, std::size_t max_queued) : waiting(max_queued), pool(threads) {}

    void add(const work_owner& owner, item work) {
        std::optional<item> rejected;
        {
            const std::lock_guard lock(mutex);
            rejected = waiting.push(owner, std::move(work));
        }
        // An item that was rejected leaves its turn to this one.
        if (rejected) return (*rejected)(false);
        pool.submit([this] { run_next(); });
    }

    void run_next() {
        std::unique_lock lock(mutex);
        auto next = waiting.pop();
        lock.unlock();
        next(true);
    }

    std::mutex mutex;
    fair_queue<item> waiting;
    // Has as many pieces of work as there are items in `waiting`. Destroyed first.
    worker_pool pool;
};

handshake_queue::handshake_queue(std::size_t threads, std::size_t max_queued)
    : impl_(std::make_shared<impl>(threads, max_queued)) {}

handshake_queue::~handshake_queue() = default;

std::size_t handshake_queue::default_threads() { return std::max<std::size_t>(1, default_loop_count() / 2); }

task<bool> handshake_queue::run(loop& l, work_owner owner, std::function<void()> sign) {
    bool had_turn = false;
    const auto note = work_note::take();
    std::exception_ptr failure;
    co_await asio::async_initiate<const asio::use_awaitable_t<executor>&, void()>(
        [&](auto handler) {
            const use_memory_reserve reserve;
            // The guard keeps the loop running until the work has finished.
            auto guard = asio::make_work_guard(l.context());
            impl_->add(owner, [&had_turn, &failure, &sign, &l, handler = std::move(handler),
                               guard = std::move(guard)](bool has_turn) mutable {
                had_turn = has_turn;
                try {
                    if (has_turn) sign();
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
    co_return had_turn;
}

}  // namespace sallyport::net
