#pragma once
// Work on the pool in order, while the coroutine brings the next piece: the parts of an upload are written one after the
// other while more arrives. A piece that waits here when another is done is taken by the same thread at once, so a large
// transfer does not pause for a change of threads at each of its parts.
//
// What the pieces refer to must live until until_left(0) has returned. What they own is given up after their outcome is
// reported, so nobody waits for it. Loop thread only.

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include <boost/asio/executor_work_guard.hpp>

#include <sallyport/net/event.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/net/worker_pool.hpp>

namespace sallyport::server {

class work_queue {
public:
    using piece = std::move_only_function<result<void>()>;

    work_queue(net::worker_pool& pool, net::loop& loop) : pool_(pool), loop_(loop), changed_(loop) {}

    /// After a failure nothing more is run.
    void add(piece work) {
        ++remaining_;
        {
            const std::lock_guard lock(shared_->mutex);
            shared_->waiting.push_back(std::move(work));
            if (std::exchange(shared_->running, true)) return;
        }
        pool_.submit([this, &loop = loop_, s = shared_, guard = net::asio::make_work_guard(loop_.context())] {
            run(this, loop, *s);
        });
    }

    /// Waits until no more than `most` pieces are left. The first failure, where there was one.
    net::task<result<void>> wait_for_remaining(std::size_t max_remaining) {
        while (remaining_ > max_remaining) {
            changed_.clear();
            co_await changed_.wait(net::deadline::max());
        }
        co_return outcome_;
    }

private:
    struct shared {
        std::mutex mutex;
        std::deque<piece> waiting;
        bool running = false;
        bool failed = false;  // the running thread's
    };

    // On the pool. With the last piece reported the queue may be gone, and only `s` is left.
    static void run(work_queue* queue, net::loop& loop, shared& s) {
        for (;;) {
            std::unique_lock lock(s.mutex);
            if (s.waiting.empty()) {
                s.running = false;
                return;
            }
            piece work = std::move(s.waiting.front());
            s.waiting.pop_front();
            lock.unlock();
            result<void> done;
            if (!s.failed) done = work();
            s.failed = s.failed || !done;
            loop.post([queue, done = std::move(done)]() mutable { queue->on_done(std::move(done)); });
        }
    }

    void on_done(result<void> done) {
        --remaining_;
        if (!done) outcome_ = std::move(done);
        changed_.set();
    }

    net::worker_pool& pool_;
    net::loop& loop_;
    net::event changed_;
    std::shared_ptr<shared> shared_ = std::make_shared<shared>();
    std::size_t remaining_ = 0;
    result<void> outcome_;
};

}  // namespace sallyport::server
