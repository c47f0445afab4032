#include <future>
#include <thread>

#include <sched.h>

#include <sallyport/net/net_test.hpp>
#include <sallyport/net/worker_pool.hpp>

namespace sallyport::net {
namespace {

class offload_test : public net_test {
protected:
    worker_pool pool{2};
};

task<bool> comes_back(worker_pool& pool, loop& l) {
    const auto own = std::this_thread::get_id();
    const auto other = co_await offload(pool, l, [] { return std::this_thread::get_id(); });
    co_return other != own&& std::this_thread::get_id() == own;
}

TEST_F(offload_test, runs_on_another_thread_and_resumes_on_the_loop) { EXPECT_TRUE(run(comes_back(pool, test_loop()))); }

task<int> sum_of_many(worker_pool& pool, loop& l) {
    int sum = 0;
    for (int i = 0; i < 500; ++i) {
        const auto one = co_await offload(pool, l, [i] { return std::make_unique<int>(i); });
        sum += *one;
    }
    co_return sum;
}

TEST_F(offload_test, returns_move_only_results) { EXPECT_EQ(run(sum_of_many(pool, test_loop())), 500 * 499 / 2); }

TEST(worker_pool, does_not_preempt_the_thread_that_wakes_it) {
    const sched_param unranked{};
    if (::sched_setscheduler(0, SCHED_BATCH, &unranked) != 0) GTEST_SKIP() << "no right to choose a policy here";
    std::promise<int> seen;
    std::jthread([&] {
        // The pool's threads inherit this policy.
        ASSERT_EQ(::sched_setscheduler(0, SCHED_OTHER, &unranked), 0);
        worker_pool one(1);
        one.submit([&] { seen.set_value(::sched_getscheduler(0)); });
        EXPECT_EQ(seen.get_future().get(), SCHED_BATCH);
    }).join();
}

TEST(worker_pool, drops_work_that_has_not_started) {
    const auto held = std::make_shared<int>(0);
    std::atomic<bool> release = false;
    std::atomic<bool> begun = false;
    {
        worker_pool one(1);
        one.submit([&] {
            begun = true;
            begun.notify_one();
            release.wait(false);
        });
        begun.wait(false);
        one.submit([held] { ++*held; });
        std::jthread opener([&] {
            release = true;
            release.notify_one();
        });
    }
    EXPECT_EQ(held.use_count(), 1);
}

TEST(worker_pool, reports_queued_work) {
    std::atomic<bool> release = false;
    std::atomic<int> begun = 0;
    worker_pool one(1);
    const auto work = [&] {
        ++begun;
        begun.notify_one();
        release.wait(false);
    };
    one.submit(work);
    begun.wait(0);
    EXPECT_FALSE(one.has_queued_work());
    one.submit(work);
    EXPECT_TRUE(one.has_queued_work());
    release = true;
    release.notify_all();
    begun.wait(1);
    EXPECT_FALSE(one.has_queued_work());
}

}  // namespace
}  // namespace sallyport::net
