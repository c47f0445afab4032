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

/// Takes a thread of the pool again and again until `done`.
struct rival {
    net::worker_pool& pool;
    // Shared: the last one may run when the test that set it is over.
    std::shared_ptr<const std::atomic<bool>> done;
    void operator()() const {
        if (!*done) pool.submit(*this);
    }
};

class read_ahead_test : public net::net_test {
protected:
    /// So many entries, and a listing of them begun.
    void begin(std::size_t entries) {
        for (; entries_ < entries; ++entries_) vfs::put_file(*files_, fmt::format("/{}", entries_), "");
        lines_.clear();
        count_ = 0;
        source_.emplace(*files_, proto::transfer_request{.what = proto::verb::list, .path = {}, .facts = {}},
                        account{.name = "bob", .read_only = false}, 0);
        const result<std::string> first = source_->first();
        ASSERT_TRUE(first);
        ASSERT_FALSE(source_->ended());
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

    /// To the end; the failures on the way.
    net::task<std::vector<errc>> take_the_rest(read_ahead& rest) {
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

    net::task<std::vector<errc>> take_all() {
        read_ahead rest(pool_, here(), *source_);
        co_return co_await take_the_rest(rest);
    }

    net::task<> list_again_and_again(int times) {
        for (int i = 0; i < times; ++i) {
            begin(8000);
            EXPECT_TRUE((co_await take_all()).empty());
            expect_each_entry_once();
        }
    }

    /// True once so many batches have been read. A block of LIST is one batch of a file system in memory.
    net::task<bool> have_read(std::size_t batches) {
        for (int i = 0; i < 5000 && plan_->calls(vfs::operation::list) < batches; ++i) co_await here().sleep_for(2ms);
        co_return plan_->calls(vfs::operation::list) == batches;
    }

    net::task<> take_slowly() {
        std::size_t bound = plan_->calls(vfs::operation::list) + limits::listing_blocks;
        read_ahead rest(pool_, here(), *source_);
        for (int i = 0; i < 3; ++i, ++bound) {
            EXPECT_TRUE(co_await have_read(bound));
            co_await here().sleep_for(20ms);
            EXPECT_TRUE(co_await have_read(bound));
            const result<std::string> block = co_await rest.next();
            add_lines(block.value_or(""));
        }
        EXPECT_TRUE((co_await take_the_rest(rest)).empty());
    }

    net::task<std::vector<errc>> take_one_and_end() {
        read_ahead rest(pool_, here(), *source_);
        EXPECT_TRUE(co_await rest.next());
        source_->end();
        co_return co_await take_the_rest(rest);
    }

    std::shared_ptr<vfs::fault_plan> plan_ = std::make_shared<vfs::fault_plan>();
    std::shared_ptr<vfs::filesystem> files_ = vfs::make_faulty_filesystem(vfs::make_memory_filesystem(), plan_);
    std::optional<lister> source_;
    net::worker_pool pool_{4};
    std::set<std::string> lines_;
    std::size_t count_ = 0;
    std::size_t entries_ = 0;
};

TEST_F(read_ahead_test, each_entry_comes_once_though_others_want_the_pool) {  // FS-03
    const auto done = std::make_shared<std::atomic<bool>>(false);
    for (int i = 0; i < 8; ++i) pool_.submit(rival{pool_, done});
    run(list_again_and_again(30));
    *done = true;
}

TEST_F(read_ahead_test, reads_as_far_ahead_as_there_is_room) {  // FS-03
    begin(40'000);
    run(take_slowly());
    expect_each_entry_once();
}

TEST_F(read_ahead_test, stops_when_nobody_wants_the_rest) {
    begin(40'000);
    const std::size_t before = plan_->calls(vfs::operation::list);
    EXPECT_TRUE(run(take_one_and_end()).empty());
    EXPECT_LE(plan_->calls(vfs::operation::list), before + 1 + limits::listing_blocks);
    EXPECT_LT(count_, entries_);
}

TEST_F(read_ahead_test, a_failure_is_told_once_and_ends_it) {  // DU-04
    begin(40'000);
    plan_->fail_at(vfs::operation::list, 3, errc::io);
    EXPECT_EQ(run(take_all()), std::vector{errc::io});
    EXPECT_LT(count_, entries_);
}

}  // namespace
}  // namespace sallyport::server
