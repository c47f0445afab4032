#include <sallyport/server/disk_access.hpp>

#include <atomic>
#include <string>
#include <thread>

#include <sallyport/net/net_test.hpp>

namespace sallyport::server {
namespace {

using net::task;

class disk_access_test : public net::net_test {
protected:
    /// Occupies the only thread of the pool until release().
    void occupy() {
        pool_.submit([this] { released_.wait(false); });
    }
    void release() {
        released_ = true;
        released_.notify_all();
    }

    task<errc> cancel_while_it_waits() {
        occupy();
        test_loop().spawn("the client", cancel_and_release());
        const auto work = [this]() -> result<int> { return ++calls_; };
        const result<int> done = co_await disk_.run(work);
        co_return done ? errc::misuse : done.error().code;
    }
    task<> cancel_and_release() {
        cancelled_ = true;
        release();
        co_return;
    }

    /// Steps of a long job, and other work that is submitted during the first one.
    task<int> steps_before_other_work() {
        std::atomic<int> before = -1;
        const auto step = [&](net::deadline until) -> result<bool> {
            if (calls_ == 0) pool_.submit([&] { before = calls_.load(); });
            std::this_thread::sleep_until(until);
            return ++calls_ == 10;
        };
        EXPECT_TRUE(co_await disk_.run_in_slices(step));
        co_return before.load();
    }

    task<errc> cancel_between_steps() {
        const auto step = [&](net::deadline) -> result<bool> {
            if (++calls_ == 3) cancelled_ = true;
            return false;
        };
        const result<void> done = co_await disk_.run_in_slices(step);
        co_return done ? errc::misuse : done.error().code;
    }

    task<errc> fail_in_a_step() {
        const auto step = [&](net::deadline) -> result<bool> {
            if (++calls_ == 3) return fail(errc::io);
            return false;
        };
        const result<void> done = co_await disk_.run_in_slices(step);
        co_return done ? errc::misuse : done.error().code;
    }

    std::atomic<bool> released_ = false;
    std::atomic<int> calls_ = 0;
    std::atomic<bool> cancelled_ = false;
    net::worker_pool pool_{1};
    const disk_access disk_{pool_, test_loop(), {}, cancelled_};
};

// RX-05
TEST_F(disk_access_test, work_that_is_cancelled_while_it_waits_is_not_started) {
    EXPECT_EQ(run(cancel_while_it_waits()), errc::cancelled);
    EXPECT_EQ(calls_, 0);
}

TEST_F(disk_access_test, other_work_gets_its_turn_between_two_slices) {
    const int before = run(steps_before_other_work());
    EXPECT_GE(before, 1);
    EXPECT_LT(before, 10);
    EXPECT_EQ(calls_, 10);
}

TEST_F(disk_access_test, cancelled_work_ends_with_its_current_step) {
    EXPECT_EQ(run(cancel_between_steps()), errc::cancelled);
    EXPECT_EQ(calls_, 3);
}

TEST_F(disk_access_test, a_failure_ends_the_work) {
    EXPECT_EQ(run(fail_in_a_step()), errc::io);
    EXPECT_EQ(calls_, 3);
}

}  // namespace
}  // namespace sallyport::server
