#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include <pthread.h>
#include <sallyport/base/memory_reserve.hpp>
#include <sallyport/net/keep_running.hpp>
#include <sallyport/net/worker_pool.hpp>

namespace sallyport::net {

struct worker_pool::impl {
    struct piece {
        std::move_only_function<void(bool has_turn)> work;
        work_owner owner;
        work_kind kind;
    };
    struct running_piece {
        deadline start;
        ip_address address;
        work_kind kind;
        friend bool operator==(const running_piece&, const running_piece&) = default;
    };

    impl(pool_size s, std::size_t max_queued)
        : size(s), is_bounded(max_queued != SIZE_MAX), brief(max_queued), sliced(max_queued) {
        running.reserve(size.threads);
        threads.reserve(size.threads);
    }

    void run() {
        pthread_setname_np(pthread_self(), "worker");
        prefer_throughput();
        std::unique_lock lock(mutex);
        while (wait_for_work(lock)) {
            running_piece started{};
            // The work and what it owns are destroyed before the lock is taken again.
            {
                piece next = queue_of(next_kind).pop();
                next_kind = other(next_kind);
                if (!may_use_a_thread(next.owner)) {
                    const use_memory_reserve reserve;
                    postponed[next.owner.address].push_back(std::move(next));
                    continue;
                }
                started = {clock::now(), next.owner.address, next.kind};
                running.push_back(started);
                const bool is_idle_thread_needed = needs_idle_thread();
                lock.unlock();
                if (is_idle_thread_needed) wake.notify_one();
                try {
                    next.work(true);
                } catch (...) {
                    log_exception("worker", std::current_exception());
                }
            }
            lock.lock();
            running.erase(std::ranges::find(running, started));
            queue_postponed(started.address);
        }
    }

    /// An address may use as many threads as remain for all others, so that it cannot occupy all of them with a disk that
    /// does not answer. The work of a bounded pool never waits.
    [[nodiscard]] bool may_use_a_thread(const work_owner& client) const {
        if (client.session == nullptr || is_bounded) return true;
        const auto used = std::ranges::count(running, client.address, &running_piece::address);
        return static_cast<std::size_t>(used) < size.threads - running.size();
    }

    /// A piece of this address has ended, so that one more may start.
    void queue_postponed(const ip_address& address) {
        const use_memory_reserve reserve;
        const auto found = postponed.find(address);
        if (found == postponed.end()) return;
        piece next = std::move(found->second.front());
        found->second.pop_front();
        if (found->second.empty()) postponed.erase(found);
        // A pool that postpones has an unbounded queue.
        (void)push(std::move(next));
    }

    /// Returns the piece that has no place.
    [[nodiscard]] std::optional<piece> push(piece next) {
        const work_owner owner = next.owner;
        return queue_of(next.kind).push(owner, std::move(next));
    }

    [[nodiscard]] fair_queue<piece>& queue_of(work_kind kind) { return kind == work_kind::brief ? brief : sliced; }
    [[nodiscard]] bool has_queued_work() const { return !brief.empty() || !sliced.empty(); }

    [[nodiscard]] static work_kind other(work_kind kind) {
        return kind == work_kind::brief ? work_kind::sliced : work_kind::brief;
    }

    /// Returns when a piece of work of `next_kind` may start on this thread; false if the pool is being destroyed. The kinds
    /// take turns.
    bool wait_for_work(std::unique_lock<std::mutex>& lock) {
        ++idle;
        while (!stopping) {
            if (may_start(next_kind)) break;
            next_kind = other(next_kind);
            if (may_start(next_kind)) break;
            // One idle thread is enough to notice that a running piece waits for the disk.
            if (!has_queued_work() || watching) {
                wake.wait(lock);
                continue;
            }
            watching = true;
            wake.wait_for(lock, limits::work_slice);
            watching = false;
        }
        --idle;
        return !stopping;
    }

    [[nodiscard]] bool may_start(work_kind kind) {
        if (queue_of(kind).empty()) return false;
        const std::size_t places = kind == work_kind::brief ? size.brief : size.sliced;
        if (running.size() < places) return true;
        const deadline slow = clock::now() - limits::slow_work;
        const auto counted = std::ranges::count_if(
            running, [slow, kind](const running_piece& r) { return r.kind == kind && r.start > slow; });
        return static_cast<std::size_t>(counted) < places;
    }

    /// Whether an idle thread must be woken for work that waits: to do it, or to watch the running pieces. If there is none,
    /// starts one.
    [[nodiscard]] bool needs_idle_thread() {
        if (!has_queued_work()) return false;
        if (idle > 0) return true;
        if (threads.size() < size.threads) start_thread();
        return false;
    }

    void start_threads() {
        const std::lock_guard lock(mutex);
        for (std::size_t i = 0; i < size.brief; ++i) start_thread();
    }

    /// If the system has no further thread for this process, those that run do the work.
    void start_thread() {
        try {
            threads.emplace_back([this] { run(); });
        } catch (const std::exception&) {
            if (threads.empty()) throw;
        }
    }

    const pool_size size;
    const bool is_bounded;
    std::mutex mutex;
    std::condition_variable wake;
    fair_queue<piece> brief;
    fair_queue<piece> sliced;
    // The kind that is looked for first.
    work_kind next_kind = work_kind::brief;
    // Pieces of addresses that use as many threads as they may.
    std::unordered_map<ip_address, std::deque<piece>> postponed;
    std::vector<running_piece> running;
    std::size_t idle = 0;
    // An idle thread watches the running pieces.
    bool watching = false;
    bool stopping = false;
    std::vector<std::jthread> threads;
};

worker_pool::worker_pool(std::size_t threads, std::size_t max_queued)
    : impl_(std::make_unique<impl>(pool_size{threads, threads, threads}, max_queued)) {
    impl_->start_threads();
}

worker_pool::worker_pool(pool_size size) : impl_(std::make_unique<impl>(size, SIZE_MAX)) { impl_->start_threads(); }

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

void worker_pool::add(std::move_only_function<void(bool has_turn)> work, const work_owner& owner, work_kind kind) {
    bool is_idle_thread_needed = false;
    std::optional<impl::piece> rejected;
    {
        const std::lock_guard lock(impl_->mutex);
        rejected = impl_->push({std::move(work), owner, kind});
        is_idle_thread_needed = impl_->needs_idle_thread();
    }
    if (is_idle_thread_needed) impl_->wake.notify_one();
    if (rejected) rejected->work(false);
}

bool worker_pool::has_queued_work() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->has_queued_work();
}

}  // namespace sallyport::net
