#include <csignal>
#include <stdexcept>
#include <thread>

#include <sched.h>
#include <sallyport/net/event.hpp>
#include <sallyport/net/net_test.hpp>

namespace sallyport::net {
namespace {

class loop_test : public net_test {};

TEST_F(loop_test, runs_what_other_threads_post) {
    int seen = 0;
    std::jthread other([&] {
        for (int i = 0; i < 1000; ++i) test_loop().post([&] { ++seen; });
        test_loop().post([&] { group.stop(); });
    });
    group.run();
    EXPECT_EQ(seen, 1000);
}

TEST(loop_group, gives_each_loop_its_thread) {
    loop_group group(3);
    std::array<std::thread::id, 3> ids;
    std::atomic<int> remaining = 3;
    for (std::size_t i = 0; i < 3; ++i) {
        group.at(i).post([&, i] {
            ids[i] = std::this_thread::get_id();
            if (--remaining == 0) group.stop();
        });
    }
    group.run();
    EXPECT_EQ(ids[0], std::this_thread::get_id());
    EXPECT_NE(ids[1], ids[0]);
    EXPECT_NE(ids[2], ids[1]);
}

/// The scheduling policy of a loop's thread, whose policy was `before`.
int policy_under_a_loop(int before) {
    int seen = -1;
    std::jthread([&] {
        const sched_param unranked{};
        ASSERT_EQ(::sched_setscheduler(0, before, &unranked), 0);
        loop_group group(1);
        group.at(0).post([&] {
            seen = ::sched_getscheduler(0);
            group.stop();
        });
        group.run();
    }).join();
    return seen;
}

TEST(loop_group, does_not_preempt_the_thread_that_wakes_it_unless_its_policy_was_set) {
    const sched_param unranked{};
    if (::sched_setscheduler(0, SCHED_BATCH, &unranked) != 0) GTEST_SKIP() << "no right to choose a policy here";
    EXPECT_EQ(policy_under_a_loop(SCHED_OTHER), SCHED_BATCH);
    EXPECT_EQ(policy_under_a_loop(SCHED_IDLE), SCHED_IDLE);
}

task<> throws_at_once() {
    throw std::runtime_error("a bug");
    co_return;
}

task<> ends_later(loop& l) { co_await l.sleep_for(1ms); }

task<std::size_t> running_after_all_ended(loop& l) {
    l.spawn("one that throws", throws_at_once());
    l.spawn("one that ends", ends_later(l));
    // This coroutine is counted too.
    while (l.running() > 1) co_await l.yield();
    co_return l.running();
}

task<> fail_after(loop& l, bool at_once) {
    if (!at_once) co_await l.yield();
    throw std::runtime_error("on purpose");
}

// C3: a bug must not leave a command waiting for ever.
TEST(loop_group, run_until_done_ends_however_the_work_ends) {
    for (const bool at_once : {true, false}) {
        loop_group group(2);
        EXPECT_THROW(group.run_until_done(fail_after(group.at(0), at_once)), std::runtime_error);
    }
}

TEST_F(loop_test, counts_running_coroutines_and_survives_their_exceptions) {
    EXPECT_EQ(run(running_after_all_ended(test_loop())), 1U);
}

TEST_F(loop_test, a_loop_can_end_while_coroutines_wait) {
    const auto before = open_descriptors();
    {
        loop_group other(1);
        other.at(0).spawn("a sleeper", ends_later(other.at(0)));
        other.at(0).post([&] { other.stop(); });
        other.run();
    }
    EXPECT_EQ(open_descriptors(), before);
}

task<bool> set_by_another(loop& l) {
    event e(l);
    l.post([&] { e.set(); });
    const bool in_time = co_await e.wait(clock::now() + 10s);
    const bool still = co_await e.wait(clock::now());
    co_return in_time&& still;
}

task<bool> never_set(loop& l) {
    event e(l);
    co_return co_await e.wait(clock::now() + 1ms);
}

TEST_F(loop_test, an_event_ends_the_wait_or_the_deadline_does) {
    EXPECT_TRUE(run(set_by_another(test_loop())));
    EXPECT_FALSE(run(never_set(test_loop())));
}

TEST_F(loop_test, a_loop_poster_outlives_its_loop) {
    auto other = std::make_unique<loop>(7);
    const auto poster = other->poster();
    other.reset();
    bool ran = false;
    poster->post([&] { ran = true; });
    EXPECT_FALSE(ran);
}

TEST_F(loop_test, a_signal_watch_distinguishes_stop_from_reload) {
    std::string seen;
    const signal_watch watch(test_loop(), {.stop =
                                               [&](int number) {
                                                   seen += number == SIGTERM ? "T" : "I";
                                                   if (seen.size() == 4) group.stop();
                                                   if (seen.size() == 3) std::raise(SIGINT);
                                               },
                                           .reload =
                                               [&] {
                                                   seen += "H";
                                                   std::raise(SIGTERM);
                                               },
                                           .rotate =
                                               [&] {
                                                   seen += "1";
                                                   // Has no action.
                                                   std::raise(SIGUSR2);
                                                   std::raise(SIGHUP);
                                               },
                                           .restart = {}});
    test_loop().post([] { std::raise(SIGUSR1); });
    group.run();
    EXPECT_EQ(seen, "1HTI");
}

}  // namespace
}  // namespace sallyport::net
