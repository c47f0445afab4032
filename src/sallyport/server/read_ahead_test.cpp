#include <sallyport/server/read_ahead.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <set>

#include <fmt/format.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/net/net_test.hpp>
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
        source_.emplace(*files_, proto::transfer_request{.command = proto::verb::list, .path = {}, .facts = {}},
                        account{.name = "bob", .read_only = false}, 0);
        const result<std::string> first = source_->first();
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

    /// Reads to the end and returns the failures.
    net::task<std::vector<errc>> read_rest(read_ahead& rest) {
        std::vector<errc> failures;
        for (;;) {
            const result<std::string> block = co_await rest.next();
            if (block && block->empty()) co_return failures;
            if (block)
                add_lines(*block);
            else
                failures.push_back(block.error().code);
        }
    }

    net::task<std::vector<errc>> read_all() {
        read_ahead rest(disk_, *source_);
        co_return co_await read_rest(rest);
    }

    net::task<> list_repeatedly(int times) {
        for (int i = 0; i < times; ++i) {
            start_listing(8000);
            EXPECT_TRUE((co_await read_all()).empty());
            expect_each_entry_once();
        }
    }

    /// Waits until this number of batches has been read. A block of LIST is one batch of a file system in memory.
    net::task<bool> have_read(std::size_t batches) {
        for (int i = 0; i < 5000 && plan_->calls(vfs::operation::list) < batches; ++i) co_await test_loop().sleep_for(2ms);
        co_return plan_->calls(vfs::operation::list) == batches;
    }

    net::task<> read_slowly() {
        std::size_t bound = plan_->calls(vfs::operation::list) + limits::max_listing_blocks;
        read_ahead rest(disk_, *source_);
        for (int i = 0; i < 3; ++i, ++bound) {
            EXPECT_TRUE(co_await have_read(bound));
            co_await test_loop().sleep_for(20ms);
            EXPECT_TRUE(co_await have_read(bound));
            const result<std::string> block = co_await rest.next();
            add_lines(block.value_or(""));
        }
        EXPECT_TRUE((co_await read_rest(rest)).empty());
    }

    net::task<std::vector<errc>> read_one_and_cancel() {
        read_ahead rest(disk_, *source_);
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
};

TEST_F(read_ahead_test, each_entry_is_listed_once_on_a_contended_pool) {  // FS-03
    const auto done = std::make_shared<std::atomic<bool>>(false);
    for (int i = 0; i < 8; ++i) pool_.submit(competing_job{pool_, done});
    run(list_repeatedly(30));
    *done = true;
}

TEST_F(read_ahead_test, reads_ahead_up_to_the_limit) {  // FS-03
    start_listing(40'000);
    run(read_slowly());
    expect_each_entry_once();
}

TEST_F(read_ahead_test, stops_when_the_rest_is_cancelled) {
    start_listing(40'000);
    const std::size_t before = plan_->calls(vfs::operation::list);
    EXPECT_TRUE(run(read_one_and_cancel()).empty());
    EXPECT_LE(plan_->calls(vfs::operation::list), before + 1 + limits::max_listing_blocks);
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
