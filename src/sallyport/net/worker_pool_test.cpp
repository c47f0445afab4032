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

/// Occupies one thread until it is released.
class gate_work {
public:
    void operator()() const {
        ++*entered_;
        entered_->notify_all();
        open_->wait(false);
    }
    void wait_until_entered(int times) const {
        for (int now = *entered_; now < times; now = *entered_) entered_->wait(now);
    }
    void open() const {
        *open_ = true;
        open_->notify_all();
    }

private:
    std::shared_ptr<std::atomic<bool>> open_ = std::make_shared<std::atomic<bool>>(false);
    std::shared_ptr<std::atomic<int>> entered_ = std::make_shared<std::atomic<int>>(0);
};

// RX-05: the only thread serves clients and not pieces of work.
TEST(worker_pool, serves_clients_in_turn) {
    const int session = 0;
    const work_owner many{*ip_address::parse("192.0.2.1"), &session};
    const work_owner few{*ip_address::parse("192.0.2.2"), &session};
    std::string order;
    const gate_work gate;
    std::promise<void> done;
    worker_pool one(1);
    one.submit(gate);
    gate.wait_until_entered(1);
    for (int i = 0; i < 20; ++i) one.submit([&order] { order += 'm'; }, many);
    for (int i = 0; i < 2; ++i) one.submit([&order] { order += 'f'; }, few);
    one.submit([&done] { done.set_value(); }, many);
    gate.open();
    done.get_future().get();
    EXPECT_LT(order.rfind('f'), 6U) << order;
}

// RX-05: work that waits for a disk leaves its place to other work, up to the number of threads.
TEST(worker_pool, does_other_work_while_pieces_wait_for_the_disk) {
    const gate_work disk;
    std::promise<void> done;
    worker_pool pool(pool_size{.brief = 1, .sliced = 1, .threads = 4});
    for (int i = 0; i < 3; ++i) pool.submit(disk);
    disk.wait_until_entered(3);
    pool.submit([&done] { done.set_value(); });
    EXPECT_EQ(done.get_future().wait_for(10s), std::future_status::ready);
    pool.submit(disk);
    pool.submit([] {});
    disk.wait_until_entered(4);
    std::this_thread::sleep_for(2 * limits::slow_work);
    EXPECT_TRUE(pool.has_queued_work());
    disk.open();
}

// RX-05: work that waits for the disk cannot use every thread on behalf of one address.
TEST(worker_pool, leaves_threads_to_other_addresses) {
    const int session = 0;
    const work_owner many{*ip_address::parse("192.0.2.1"), &session};
    const work_owner few{*ip_address::parse("192.0.2.2"), &session};
    const gate_work disk;
    std::promise<void> done;
    worker_pool pool(pool_size{.brief = 1, .sliced = 1, .threads = 4});
    for (int i = 0; i < 4; ++i) pool.submit(disk, many);
    disk.wait_until_entered(2);
    pool.submit([&done] { done.set_value(); }, few);
    EXPECT_EQ(done.get_future().wait_for(10s), std::future_status::ready);
    disk.open();
    disk.wait_until_entered(4);
}

// RX-05: brief work does not wait for long work, and long work goes on during much brief work.
TEST(worker_pool, has_places_for_each_kind_of_work) {
    const gate_work search;
    const gate_work write;
    std::promise<void> done;
    worker_pool pool(pool_size{.brief = 1, .sliced = 1, .threads = 2});
    pool.submit(search, {}, work_kind::sliced);
    search.wait_until_entered(1);
    pool.submit(search, {}, work_kind::sliced);
    pool.submit([&done] { done.set_value(); });
    EXPECT_EQ(done.get_future().wait_for(10s), std::future_status::ready);
    search.open();
    search.wait_until_entered(2);
    pool.submit(write);
    write.wait_until_entered(1);
    pool.submit(write);
    pool.submit(search, {}, work_kind::sliced);
    search.wait_until_entered(3);
    write.open();
    write.wait_until_entered(2);
}

TEST(time_slice, ends_only_if_other_work_waits) {
    const gate_work gate;
    worker_pool one(1);
    one.submit(gate);
    gate.wait_until_entered(1);
    const time_slice idle(one);
    std::this_thread::sleep_until(idle.end());
    EXPECT_FALSE(idle.must_yield());
    const time_slice fresh(one);
    one.submit([] {});
    EXPECT_TRUE(idle.must_yield());
    std::this_thread::sleep_until(fresh.end());
    EXPECT_TRUE(fresh.must_yield());
    gate.open();
}

}  // namespace
}  // namespace sallyport::net
