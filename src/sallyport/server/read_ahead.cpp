#include <sallyport/server/read_ahead.hpp>

#include <atomic>
#include <deque>
#include <utility>

#include <boost/asio/executor_work_guard.hpp>

#include <sallyport/base/limits.hpp>
#include <sallyport/base/memory_reserve.hpp>
#include <sallyport/net/event.hpp>

namespace sallyport::server {

struct read_ahead::state {
    using pointer = std::shared_ptr<state>;

    state(net::worker_pool& p, net::loop& l, lister& s) : pool(p), loop(l), source(s), block_ready(l) {}

    /// Reserves one more block to be read; false if there are enough or the listing has ended. Any thread.
    bool reserve() noexcept {
        if (source.finished()) return false;
        if (++blocks <= limits::max_listing_blocks) return true;
        --blocks;
        return false;
    }

    static net::task<result<std::string>> next(pointer s);
    static net::task<bool> wait_for_block(state& s) {
        const use_memory_reserve reserve;
        return s.block_ready.wait(net::deadline::max());
    }

    /// Called on the loop.
    static void start_readers(const pointer& s) {
        for (; s->readers < limits::listing_readers && s->reserve(); ++s->readers) submit(s);
    }

    static void submit(pointer s) {
        const use_memory_reserve reserve;
        net::worker_pool& to = s->pool;
        auto guard = net::asio::make_work_guard(s->loop.context());
        to.submit([guard = std::move(guard), s = std::move(s)]() mutable { read(std::move(s)); });
    }

    /// Runs on the pool. Lets other work run between two blocks, but only after the current block has been posted: another
    /// thread might otherwise reach the end first.
    static void read(pointer s) {
        for (;;) {
            result<std::string> block = read_block(*s);
            if (!s->reserve()) return post_block(std::move(s), std::move(block), true);
            post_block(s, std::move(block), false);
            if (s->pool.has_queued_work()) return submit(std::move(s));
        }
    }

    static result<std::string> read_block(state& s) noexcept {
        try {
            return s.source.next();
        } catch (...) {
            s.source.stop();
            return fail_without_memory();
        }
    }

    /// Posts a block to the loop. The event belongs to the loop, so its last owner must not be a thread of the pool.
    static void post_block(pointer s, result<std::string> block, bool last) {
        // A missing block would truncate the listing.
        const use_memory_reserve reserve;
        net::loop& loop = s->loop;
        loop.post([s = std::move(s), block = std::move(block), last]() mutable {
            const use_memory_reserve on_the_loop;
            if (last) --s->readers;
            s->ready.push_back(std::move(block));
            s->block_ready.set();
        });
    }

    net::worker_pool& pool;
    net::loop& loop;
    lister& source;
    // Blocks that are being read or wait to be sent.
    std::atomic<std::size_t> blocks = 0;
    // Used on the loop only:
    net::event block_ready;
    std::deque<result<std::string>> ready;
    std::size_t readers = 0;
};

read_ahead::read_ahead(net::worker_pool& pool, net::loop& loop, lister& source)
    : state_(std::make_shared<state>(pool, loop, source)) {
    state::start_readers(state_);
}

/// Must not fail, since the source must not end before its readers.
net::task<result<std::string>> read_ahead::next() {
    const use_memory_reserve reserve;
    return state::next(state_);
}

net::task<result<std::string>> read_ahead::state::next(pointer s) {
    while (!s->ready.empty() || s->readers > 0) {
        if (s->ready.empty()) {
            s->block_ready.clear();
            co_await wait_for_block(*s);
            continue;
        }
        result<std::string> block = std::move(s->ready.front());
        s->ready.pop_front();
        --s->blocks;
        start_readers(s);
        if (!block || !block->empty()) co_return block;
    }
    co_return std::string();
}

}  // namespace sallyport::server
