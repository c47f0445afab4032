#pragma once
// Runs pieces of work on the pool in order, while the coroutine prepares the next one: the blocks of an upload are written
// one after the other while more data arrive. A thread that has finished a piece takes the next one from the queue
// immediately, so a large transfer does not wait for a change of threads at each block; at the end of its time slice, it
// lets other work run first.
//
// Everything that the pieces refer to must live until wait_for_remaining(0) has returned. What they own is destroyed after
// their outcome has been reported, so that does not delay the transfer. Owned by the transfer; used on the loop's thread
// only.

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include <boost/asio/executor_work_guard.hpp>

#include <sallyport/base/memory_reserve.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/net/worker_pool.hpp>

namespace sallyport::server {

class work_queue {
public:
    using piece = std::move_only_function<result<void>()>;

    work_queue(net::worker_pool& pool, net::loop& loop, const work_owner& owner = {})
        : loop_(loop), changed_(loop), shared_(std::make_shared<shared>(pool, owner)) {}

    /// Adds a piece of work. After a failure no further pieces are run.
    void add(piece work) {
        {
            const std::lock_guard lock(shared_->mutex);
            shared_->waiting.push_back(std::move(work));
            ++remaining_;
            if (std::exchange(shared_->running, true)) return;
        }
        submit(this, loop_, shared_);
    }

    /// Waits until at most `max_remaining` pieces are unfinished. Returns the first failure, if any. Never throws.
    net::task<result<void>> wait_for_remaining(std::size_t max_remaining) {
        const use_memory_reserve reserve;
        return wait_while_more(max_remaining);
    }

private:
    net::task<result<void>> wait_while_more(std::size_t max_remaining) {
        while (remaining_ > max_remaining) {
            changed_.clear();
            co_await wait_for_change();
        }
        co_return outcome_;
    }

    net::task<bool> wait_for_change() {
        const use_memory_reserve reserve;
        return changed_.wait(net::deadline::max());
    }

    static result<void> run_piece(piece& work) noexcept {
        try {
            return work();
        } catch (...) {
            return fail_without_memory();
        }
    }

    struct shared {
        shared(net::worker_pool& p, const work_owner& o) : pool(p), owner(o) {}
        net::worker_pool& pool;
        const work_owner owner;
        std::mutex mutex;
        std::deque<piece> waiting;
        bool running = false;
        // Used by the running thread only.
        bool failed = false;
    };

    static void submit(work_queue* queue, net::loop& loop, const std::shared_ptr<shared>& s) {
        const use_memory_reserve reserve;
        s->pool.submit([queue, &loop, s, guard = net::asio::make_work_guard(loop.context())] { run(queue, loop, s); },
                       s->owner);
    }

    // Runs on the pool. After the last piece has been reported, the queue may have been destroyed, and only `state` remains.
    static void run(work_queue* queue, net::loop& loop, const std::shared_ptr<shared>& state) {
        shared& s = *state;
        const net::time_slice slice(s.pool);
        for (;;) {
            std::unique_lock lock(s.mutex);
            if (s.waiting.empty()) {
                s.running = false;
                return;
            }
            if (slice.must_yield()) return submit(queue, loop, state);
            piece work = std::move(s.waiting.front());
            s.waiting.pop_front();
            lock.unlock();
            result<void> done;
            if (!s.failed) done = run_piece(work);
            s.failed = s.failed || !done;
            const use_memory_reserve reserve;
            loop.post([queue, done = std::move(done)]() mutable { queue->on_done(std::move(done)); });
        }
    }

    void on_done(result<void> done) {
        --remaining_;
        if (!done) outcome_ = std::move(done);
        changed_.set();
    }

    net::loop& loop_;
    net::event changed_;
    std::shared_ptr<shared> shared_;
    std::size_t remaining_ = 0;
    result<void> outcome_;
};

}  // namespace sallyport::server
