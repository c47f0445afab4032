#include <sallyport/net/handshake_queue.hpp>

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>

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
    auto submit = [&](auto item) { impl_->add(owner, std::move(item)); };
    auto sign_in_turn = [&](bool has_turn) {
        had_turn = has_turn;
        if (has_turn) sign();
    };
    co_await call_on_other_thread(l, std::move(submit), std::move(sign_in_turn));
    co_return had_turn;
}

}  // namespace sallyport::net
