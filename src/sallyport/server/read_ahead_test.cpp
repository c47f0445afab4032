#include <sallyport/server/read_ahead.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/net/net_test.hpp>
#include <sallyport/server/test_account.hpp>
#include <support/faulty_filesystem.hpp>
#include <support/memory_filesystem.hpp>

namespace sallyport::server {
namespace {

using namespace std::chrono_literals;

/// Occupies a thread of the pool again and again until `done`.
struct competing_job {
    net::worker_pool& pool;
    // Shared, since the last job may run after the test has ended.
    std::shared_ptr<const std::atomic<bool>> done;
    void operator()() const {
        if (!*done) pool.submit(*this);
    }
};

class read_ahead_test : public net::net_test {
protected:
    /// Creates the entries and starts a listing of them.
    void start_listing(std::size_t entries) {
        for (; entries_ < entries; ++entries_) vfs::put_file(*files_, fmt::format("/{}", entries_), "");
        lines_.clear();
        count_ = 0;
        sent_ = 0;
        source_.emplace(*files_, proto::transfer_request{.command = proto::verb::list, .path = {}, .facts = {}}, test_user(),
                        0);
        const result<std::string> first = source_->first(limits::small_listing_block_size);
        ASSERT_TRUE(first);
        ASSERT_FALSE(source_->finished());
        add_lines(*first);
    }
    void expect_each_entry_once() const {
        EXPECT_EQ(count_, entries_);
        EXPECT_EQ(lines_.size(), entries_);
    }

    void add_lines(std::string_view block) {
        for (; !block.empty(); block.remove_prefix(block.find('\n') + 1)) {
            lines_.emplace(block.substr(0, block.find('\n')));
            ++count_;
        }
    }

    [[nodiscard]] read_ahead started() { return {disk_, *source_, budget_, budget_.take(read_ahead::lease_size)}; }

    /// Reads to the end and returns the failures.
    net::task<std::vector<errc>> read_rest(read_ahead& rest) {
        std::vector<errc> failures;
        for (;;) {
            const result<std::string> block = co_await rest.next();
            if (block && block->empty()) co_return failures;
            if (block) {
                add_lines(*block);
                rest.note_sent(sent_ += block->size());
            } else {
                failures.push_back(block.error().code);
            }
        }
    }

    net::task<std::vector<errc>> read_all() {
        read_ahead rest = started();
        co_return co_await read_rest(rest);
    }

    net::task<> list_repeatedly(int times) {
        for (int i = 0; i < times; ++i) {
            start_listing(8000);
            EXPECT_TRUE((co_await read_all()).empty());
            expect_each_entry_once();
        }
    }

    /// Waits until the number of batches that were read does not change any more, although the pool works.
    net::task<std::size_t> batches_read() {
        std::size_t before = 0;
        for (int unchanged = 0; unchanged < 4; ++unchanged) {
            co_await test_loop().sleep_for(20ms);
            EXPECT_TRUE(co_await net::offload(pool_, test_loop(), [] { return true; }));
            const auto now = plan_->calls(vfs::operation::list);
            if (std::exchange(before, now) != now) unchanged = 0;
        }
        co_return before;
    }

    /// Receives `count` blocks; the client is slow, or not, for each.
    net::task<> receive_blocks(read_ahead& rest, int count, bool slow) {
        for (int i = 0; i < count; ++i) {
            const result<std::string> block = co_await rest.next();
            add_lines(block.value_or(""));
            if (slow) rest.slow_client_handler()();
            rest.note_sent(sent_ += block.value_or("").size());
        }
    }

    net::task<> read_slowly() {
        const std::size_t at_start = plan_->calls(vfs::operation::list);
        read_ahead rest = started();
        // One block at first; a large block has more than one batch.
        EXPECT_LE(co_await batches_read(), at_start + batches_per_block);
        co_await receive_blocks(rest, fast_blocks, false);
        std::size_t before = co_await batches_read();
        EXPECT_GT(before, at_start + (fast_blocks + limits::max_listing_blocks) * (batches_per_block - 1));
        EXPECT_LE(before, at_start + (fast_blocks + limits::max_listing_blocks + 2) * batches_per_block);
        // After a slow block, those that were read ahead are left, and then each is read on demand.
        co_await receive_blocks(rest, limits::max_listing_blocks + 1, true);
        EXPECT_EQ(budget_.left(), all_memory);
        before = co_await batches_read();
        co_await receive_blocks(rest, 3, true);
        EXPECT_LE(co_await batches_read(), before + 3);
        EXPECT_TRUE((co_await read_rest(rest)).empty());
    }

    net::task<> read_without_memory() {
        const auto others = budget_.take(all_memory);
        std::size_t before = plan_->calls(vfs::operation::list);
        read_ahead rest = started();
        for (int i = 0; i < 5; ++i) {
            EXPECT_EQ(co_await batches_read(), before);
            co_await receive_blocks(rest, 1, false);
            ++before;
        }
        EXPECT_TRUE((co_await read_rest(rest)).empty());
    }

    net::task<std::vector<errc>> read_one_and_cancel() {
        read_ahead rest = started();
        EXPECT_TRUE(co_await rest.next());
        source_->stop();
        co_return co_await read_rest(rest);
    }

    std::shared_ptr<vfs::fault_plan> plan_ = std::make_shared<vfs::fault_plan>();
    std::shared_ptr<vfs::filesystem> files_ = vfs::make_faulty_filesystem(vfs::make_memory_filesystem(), plan_);
    std::optional<lister> source_;
    net::worker_pool pool_{4};
    const std::atomic<bool> cancelled_ = false;
    const disk_access disk_{pool_, test_loop(), {}, cancelled_};
    std::set<std::string> lines_;
    std::size_t count_ = 0;
    std::size_t entries_ = 0;
    // Of the present listing.
    std::uint64_t sent_ = 0;
    static constexpr std::size_t all_memory = 1024 * 1024;
    memory_budget budget_{all_memory};

    // A batch of a listing in memory is 256 lines of about 67 bytes.
    static constexpr std::size_t batches_per_block = 3;
    // After these, the client is fast.
    static constexpr int fast_blocks = limits::fast_listing / limits::listing_block_size * 2;
};

TEST_F(read_ahead_test, each_entry_is_listed_once_on_a_contended_pool) {  // FS-03
    const auto done = std::make_shared<std::atomic<bool>>(false);
    for (int i = 0; i < 8; ++i) pool_.submit(competing_job{pool_, done});
    run(list_repeatedly(30));
    *done = true;
}

TEST_F(read_ahead_test, reads_ahead_as_far_as_the_client_is_fast) {  // FS-03, RX-03
    start_listing(40'000);
    run(read_slowly());
    expect_each_entry_once();
}

TEST_F(read_ahead_test, reads_on_demand_if_large_buffers_are_short) {  // RX-03
    start_listing(40'000);
    run(read_without_memory());
    expect_each_entry_once();
}

TEST_F(read_ahead_test, stops_when_the_rest_is_cancelled) {
    start_listing(40'000);
    const std::size_t before = plan_->calls(vfs::operation::list);
    EXPECT_TRUE(run(read_one_and_cancel()).empty());
    EXPECT_LE(plan_->calls(vfs::operation::list), before + batches_per_block * (1 + limits::max_listing_blocks));
    EXPECT_LT(count_, entries_);
}

TEST_F(read_ahead_test, a_failure_is_reported_once_and_ends_the_reading) {  // DU-04
    start_listing(40'000);
    plan_->fail_at(vfs::operation::list, 3, errc::io);
    EXPECT_EQ(run(read_all()), std::vector{errc::io});
    EXPECT_LT(count_, entries_);
}

}  // namespace
}  // namespace sallyport::server
