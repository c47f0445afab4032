#include <sallyport/net/deadline.hpp>
#include <sallyport/net/net_test.hpp>

namespace sallyport::net {
namespace {

class deadline_test : public net_test {};

task<clock::duration> time_of_sleep(loop& l, clock::duration pause) {
    const auto start = clock::now();
    co_await l.sleep_for(pause);
    co_return clock::now() - start;
}

TEST_F(deadline_test, sleeps_at_least_the_requested_time) { EXPECT_GE(run(time_of_sleep(test_loop(), 30ms)), 30ms); }

struct expiry {
    deadline expected;
    std::optional<deadline> actual;
};

task<std::vector<expiry>> expiries_of(loop& l, std::vector<clock::duration> waits) {
    std::vector<expiry> all(waits.size());
    std::vector<std::unique_ptr<deadline_node>> nodes;
    for (std::size_t i = 0; i < waits.size(); ++i) {
        nodes.push_back(std::make_unique<deadline_node>(l.deadlines(), [&e = all[i]] { e.actual = clock::now(); }));
        all[i].expected = clock::now() + waits[i];
        nodes[i]->arm(all[i].expected);
    }
    co_await l.sleep_for(*std::ranges::max_element(waits) + 2 * deadline_wheel::granularity);
    co_return all;
}

TEST_F(deadline_test, each_expires_at_its_time_in_any_order_of_arming) {
    for (const auto& e : run(expiries_of(test_loop(), {200ms, 10ms, 120ms, 0ms, 60ms, -5s}))) {
        ASSERT_TRUE(e.actual);
        EXPECT_GE(*e.actual, e.expected);
    }
}

task<bool> expires_when_moved(loop& l, clock::duration first, clock::duration second, clock::duration check_after) {
    deadline_node node(l.deadlines(), [] {});
    node.arm(clock::now() + first);
    node.arm(clock::now() + second);
    co_await l.sleep_for(check_after);
    co_return node.expired();
}

TEST_F(deadline_test, a_later_arm_replaces_an_earlier_one) {
    EXPECT_FALSE(run(expires_when_moved(test_loop(), 10ms, 10s, 150ms)));
    EXPECT_TRUE(run(expires_when_moved(test_loop(), 10s, 10ms, 150ms)));
    EXPECT_TRUE(run(expires_when_moved(test_loop(), 10ms, 100ms, 250ms)));
}

task<bool> expires_beyond_the_wheel(loop& l) {
    deadline_node far(l.deadlines(), [] {});
    // Is in the last slot and is moved on.
    far.arm(deadline::max());
    deadline_node near(l.deadlines(), [] {});
    near.arm(clock::now() + 10ms);
    co_await l.sleep_for(150ms);
    co_return near.expired() && !far.expired();
}

TEST_F(deadline_test, a_far_deadline_does_not_hide_a_near_one) { EXPECT_TRUE(run(expires_beyond_the_wheel(test_loop()))); }

task<bool> disarmed_and_destroyed_stay_silent(loop& l) {
    bool called = false;
    deadline_node stays(l.deadlines(), [&] { called = true; });
    stays.arm(clock::now() + 10ms);
    stays.disarm();
    {
        deadline_node goes(l.deadlines(), [&] { called = true; });
        goes.arm(clock::now() + 10ms);
    }
    co_await l.sleep_for(120ms);
    co_return !called && !stays.expired();
}

TEST_F(deadline_test, a_disarmed_or_destroyed_node_does_not_expire) {
    EXPECT_TRUE(run(disarmed_and_destroyed_stay_silent(test_loop())));
}

TEST(time_limit, the_earlier_of_progress_and_total_applies) {
    const auto now = clock::now();
    const time_limit limit{.progress = 5s, .total = now + 12s};
    EXPECT_EQ(limit.next(now), now + 5s);
    EXPECT_EQ(limit.next(now + 10s), now + 12s);
    EXPECT_EQ(time_limit{}.next(now), now + 24h);
}

}  // namespace
}  // namespace sallyport::net
