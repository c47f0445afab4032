#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include <pthread.h>
#include <sallyport/base/memory_reserve.hpp>
#include <sallyport/net/keep_running.hpp>
#include <sallyport/net/worker_pool.hpp>

namespace sallyport::net {

struct worker_pool::impl {
    void run() {
        pthread_setname_np(pthread_self(), "worker");
        prefer_throughput();
        std::unique_lock lock(mutex);
        for (;;) {
            wake.wait(lock, [this] { return stopping || !queue.empty(); });
            if (stopping) return;
            // The work and what it owns are destroyed before the lock is taken again.
            {
                auto work = std::move(queue.front());
                queue.pop_front();
                lock.unlock();
                try {
                    work();
                } catch (...) {
                    log_exception("worker", std::current_exception());
                }
            }
            lock.lock();
        }
    }

    std::mutex mutex;
    std::condition_variable wake;
    std::deque<std::move_only_function<void()>> queue;
    bool stopping = false;
    std::vector<std::jthread> threads;
};

worker_pool::worker_pool(std::size_t threads) : impl_(std::make_unique<impl>()) {
    for (std::size_t i = 0; i < threads; ++i) impl_->threads.emplace_back([this] { impl_->run(); });
}

worker_pool::~worker_pool() {
    // Asio needs memory to destroy the coroutines whose work is dropped.
    const use_memory_reserve reserve;
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->stopping = true;
    }
    impl_->wake.notify_all();
    impl_->threads.clear();
}

void worker_pool::submit(std::move_only_function<void()> work) {
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->queue.push_back(std::move(work));
    }
    impl_->wake.notify_one();
}

bool worker_pool::has_queued_work() const {
    const std::lock_guard lock(impl_->mutex);
    return !impl_->queue.empty();
}

}  // namespace sallyport::net
