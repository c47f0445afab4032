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

    state(const disk_access& d, lister& s) : disk(d), source(s), block_ready(d.loop()) {}

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
        const disk_access& disk = s->disk;
        auto guard = net::asio::make_work_guard(disk.loop().context());
        disk.pool().submit([guard = std::move(guard), s = std::move(s)]() mutable { read(std::move(s)); }, disk.owner(),
                           net::work_kind::sliced);
    }

    /// Runs on the pool. Lets other work run between two blocks, but only after the current block has been posted: another
    /// thread might otherwise reach the end first.
    static void read(pointer s) {
        const net::time_slice slice(s->disk.pool());
        for (;;) {
            result<std::string> block = read_block(*s);
            if (!s->reserve()) return post_block(std::move(s), std::move(block), true);
            post_block(s, std::move(block), false);
            if (slice.must_yield()) return submit(std::move(s));
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
        net::loop& loop = s->disk.loop();
        loop.post([s = std::move(s), block = std::move(block), last]() mutable {
            const use_memory_reserve on_the_loop;
            if (last) --s->readers;
            s->ready.push_back(std::move(block));
            s->block_ready.set();
        });
    }

    const disk_access disk;
    lister& source;
    // Blocks that are being read or wait to be sent.
    std::atomic<std::size_t> blocks = 0;
    // Used on the loop only:
    net::event block_ready;
    std::deque<result<std::string>> ready;
    std::size_t readers = 0;
};

read_ahead::read_ahead(const disk_access& disk, lister& source) : state_(std::make_shared<state>(disk, source)) {
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

net::task<result<std::string>> read_first(const disk_access& disk, lister& source) {
    std::string lines;
    auto step = [&source, &lines](net::deadline until) -> result<bool> {
        const result<bool> prepared = source.prepare(until);
        if (!prepared || !*prepared) return prepared;
        result<std::string> first = source.first();
        if (!first) return std::unexpected(first.error());
        lines = std::move(*first);
        return true;
    };
    const result<void> done = co_await disk.run_in_slices(std::move(step));
    if (!done) co_return std::unexpected(done.error());
    co_return lines;
}

}  // namespace sallyport::server
