#include <sallyport/server/read_ahead.hpp>

#include <algorithm>
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

    state(const disk_access& d, lister& s, memory_budget& m) : disk(d), source(s), memory(m), block_ready(d.loop()) {}

    /// Reserves one more block to be read; false if there are enough or the listing has ended. Any thread.
    bool reserve() noexcept {
        if (source.finished()) return false;
        if (++blocks <= max_blocks) return true;
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
        const std::size_t max_readers = s->source.is_sorted() ? 1 : limits::listing_readers;
        for (; s->readers < max_readers && s->reserve(); ++s->readers) submit(s);
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
            return s.source.next(s.block_size);
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

    // The following are called on the loop.

    /// Reads as far ahead as the leases allow, and `min_blocks` in any case.
    void set_limits(std::size_t min_blocks) {
        const bool large = lease && !slow && received >= needed;
        const std::size_t ahead = !large ? 0 : more ? limits::max_listing_blocks : 1;
        block_size = large ? limits::listing_block_size : limits::small_listing_block_size;
        max_blocks = std::max(min_blocks, ahead);
    }

    void adjust_leases() {
        if (received < needed) {
            // Large blocks that wait to be sent still need them.
            if (!ready.empty()) return;
            lease.release();
            more.release();
            return;
        }
        if (!lease) lease = memory.take(lease_size);
        if (lease && !more && received >= needed + limits::fast_listing)
            more = memory.take((limits::max_listing_blocks - 1) * limits::listing_block_size);
    }

    void client_is_slow() {
        slow = true;
        set_limits(0);
        if (readers == 0) source.return_memory();
    }

    const disk_access disk;
    lister& source;
    memory_budget& memory;
    // Blocks that are being read or wait to be sent, and their maximum.
    std::atomic<std::size_t> blocks = 0;
    std::atomic<std::size_t> max_blocks = 0;
    std::atomic<std::size_t> block_size = limits::small_listing_block_size;
    // Used on the loop only:
    net::event block_ready;
    std::deque<result<std::string>> ready;
    std::size_t readers = 0;
    // For large blocks: the one that is being sent and one more; and for all others.
    memory_budget::lease lease;
    memory_budget::lease more;
    // The client is slow while the present block is sent.
    bool slow = false;
    // What the client has received, and how much it must be for large blocks.
    std::uint64_t received = 0;
    std::uint64_t needed = 0;
};

read_ahead::read_ahead(const disk_access& disk, lister& source, memory_budget& memory, memory_budget::lease lease)
    : state_(std::make_shared<state>(disk, source, memory)) {
    state_->lease = std::move(lease);
    state_->set_limits(0);
    state::start_readers(state_);
}

void read_ahead::note_sent(std::uint64_t acknowledged) {
    state& s = *state_;
    s.received = acknowledged;
    if (std::exchange(s.slow, false)) s.needed = acknowledged + limits::fast_listing;
    s.adjust_leases();
}

std::function<void()> read_ahead::slow_client_handler() const {
    return [weak = std::weak_ptr(state_)] {
        if (const auto s = weak.lock()) s->client_is_slow();
    };
}

/// Must not fail, since the source must not end before its readers.
net::task<result<std::string>> read_ahead::next() {
    const use_memory_reserve reserve;
    return state::next(state_);
}

net::task<result<std::string>> read_ahead::state::next(pointer s) {
    for (;;) {
        s->set_limits(1);
        start_readers(s);
        if (s->ready.empty() && s->readers == 0) co_return std::string();
        if (s->ready.empty()) {
            s->block_ready.clear();
            co_await wait_for_block(*s);
            continue;
        }
        result<std::string> block = std::move(s->ready.front());
        s->ready.pop_front();
        --s->blocks;
        s->set_limits(0);
        start_readers(s);
        if (!block || !block->empty()) co_return block;
    }
}

net::task<result<std::string>> read_first(const disk_access& disk, lister& source, std::size_t size) {
    std::string lines;
    auto step = [&source, &lines, size](net::deadline until) -> result<bool> {
        const result<bool> prepared = source.prepare(until);
        if (!prepared || !*prepared) return prepared;
        result<std::string> first = source.first(size);
        if (!first) return std::unexpected(first.error());
        lines = std::move(*first);
        return true;
    };
    const result<void> done = co_await disk.run_in_slices(std::move(step));
    if (!done) co_return std::unexpected(done.error());
    co_return lines;
}

}  // namespace sallyport::server
