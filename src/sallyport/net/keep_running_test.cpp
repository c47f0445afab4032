#include <sallyport/net/keep_running.hpp>

#include <new>
#include <stdexcept>

#include <sallyport/net/net_test.hpp>
#include <sallyport/net/worker_pool.hpp>

namespace sallyport::net {
namespace {

class keep_running_test : public net_test {
protected:
    int starts = 0;
};

task<> throw_until(int& starts, int wanted, bool at_once, loop_group& group, loop& l) {
    ++starts;
    if (!at_once) co_await l.yield();
    if (starts < wanted) throw std::bad_alloc();
    group.stop();
}

TEST_F(keep_running_test, starts_again_after_an_exception_until_it_ends) {
    for (const bool at_once : {true, false}) {
        starts = 0;
        keep_running(test_loop(), "a test", [&, at_once] { return throw_until(starts, 3, at_once, group, test_loop()); });
        group.run();
        EXPECT_EQ(starts, 3);
    }
}

TEST_F(keep_running_test, survives_a_start_that_throws) {
    keep_running(test_loop(), "a test", [this]() -> task<> {
        if (++starts < 3) throw std::bad_alloc();
        return throw_until(starts, 0, true, group, test_loop());
    });
    group.run();
    EXPECT_EQ(starts, 4);
}

task<bool> catches_what_the_pool_throws(worker_pool& pool, loop& l) {
    try {
        (void)co_await offload(pool, l, []() -> int { throw std::bad_alloc(); });
    } catch (const std::bad_alloc&) {
        co_return true;
    }
    co_return false;
}

TEST_F(keep_running_test, work_on_a_pool_throws_where_its_result_is_awaited) {
    worker_pool pool(1);
    EXPECT_TRUE(run(catches_what_the_pool_throws(pool, test_loop())));
}

}  // namespace
}  // namespace sallyport::net
