#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include <sallyport/net/net_test.hpp>
#include <sallyport/server/work_queue.hpp>

namespace sallyport::server {
namespace {

using net::task;

class work_queue_test : public net::net_test {
protected:
    net::worker_pool pool{4};
};

task<std::string> in_order(net::worker_pool& pool, net::loop& loop) {
    work_queue queue(pool, loop);
    std::string done;
    for (char c = 'a'; c <= 'z'; ++c) {
        queue.add([&done, c]() -> result<void> {
            done += c;
            return {};
        });
        const result<void> so_far = co_await queue.wait_for_remaining(2);
        if (!so_far) co_return so_far.error().text();
    }
    const result<void> all = co_await queue.wait_for_remaining(0);
    co_return all ? done : all.error().text();
}

TEST_F(work_queue_test, runs_pieces_in_order) {
    for (int i = 0; i < 50; ++i) ASSERT_EQ(run(in_order(pool, test_loop())), "abcdefghijklmnopqrstuvwxyz");
}

task<std::string> with_a_failure(net::worker_pool& pool, net::loop& loop) {
    work_queue queue(pool, loop);
    std::string done;
    const auto piece = [&done](char c, errc outcome) {
        return [&done, c, outcome]() -> result<void> {
            done += c;
            return outcome == errc::misuse ? result<void>() : fail(outcome);
        };
    };
    queue.add(piece('a', errc::misuse));
    queue.add(piece('b', errc::no_space));
    queue.add(piece('c', errc::io));
    result<void> end = co_await queue.wait_for_remaining(0);
    if (end || end.error().code != errc::no_space) co_return "the failure was lost";
    queue.add(piece('d', errc::misuse));
    end = co_await queue.wait_for_remaining(0);
    co_return end ? "the failure was forgotten" : done;
}

// DU-04: data after a failed write must not be published.
TEST_F(work_queue_test, runs_nothing_after_a_failure) { EXPECT_EQ(run(with_a_failure(pool, test_loop())), "ab"); }

task<int> pieces_before_the_other_work(net::worker_pool& one, net::loop& loop) {
    work_queue queue(one, loop);
    std::atomic<int> done = 0;
    std::atomic<int> before = -1;
    for (int i = 0; i < 20; ++i) {
        queue.add([&]() -> result<void> {
            if (done == 0) one.submit([&] { before = done.load(); });
            std::this_thread::sleep_for(limits::work_slice / 2);
            ++done;
            return {};
        });
    }
    (void)co_await queue.wait_for_remaining(0);
    co_return before.load();
}

// RX-05: an upload whose data arrive without a pause does not keep its thread.
TEST_F(work_queue_test, lets_other_work_run_at_the_end_of_its_slice) {
    net::worker_pool one{1};
    const int before = run(pieces_before_the_other_work(one, test_loop()));
    EXPECT_GE(before, 1);
    EXPECT_LT(before, 10);
}

/// Its destructor blocks until it is released.
struct slow_to_destroy {
    std::shared_ptr<std::atomic<bool>> may_finish;
    explicit slow_to_destroy(std::shared_ptr<std::atomic<bool>> m) : may_finish(std::move(m)) {}
    slow_to_destroy(slow_to_destroy&&) = default;
    slow_to_destroy& operator=(slow_to_destroy&&) = delete;
    ~slow_to_destroy() {
        if (may_finish) may_finish->wait(false);
    }
};

task<bool> reported_first(net::worker_pool& pool, net::loop& loop) {
    const auto may_finish = std::make_shared<std::atomic<bool>>(false);
    result<void> end;
    {
        work_queue queue(pool, loop);
        queue.add([owned = slow_to_destroy(may_finish)]() -> result<void> { return {}; });
        end = co_await queue.wait_for_remaining(0);
    }
    *may_finish = true;
    may_finish->notify_all();
    co_return end.has_value();
}

TEST_F(work_queue_test, reports_before_it_destroys_the_piece) { EXPECT_TRUE(run(reported_first(pool, test_loop()))); }

}  // namespace
}  // namespace sallyport::server
