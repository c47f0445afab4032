#include <sallyport/gate/pool_test.hpp>

#include <map>
#include <set>

namespace sallyport::gate {
namespace {

using namespace pool_testing;

constexpr auto every_policy = {balancing_policy::least_sessions, balancing_policy::round_robin,
                               balancing_policy::least_response_time, balancing_policy::client_address};

// ---- Policies

TEST(Pool, DistributesByLeastSessions_G7) {
    pool p = make(balancing_policy::least_sessions);
    std::vector<backend_slot> held;
    for (int i = 0; i < 30; ++i) held.push_back(acquire_slot(p));
    EXPECT_EQ(sessions(p), (counts{10, 10, 10}));
    std::erase_if(held, [](const backend_slot& s) { return s.id() == 1; });
    EXPECT_EQ(sessions(p), (counts{10, 0, 10}));
    for (int i = 0; i < 10; ++i) {
        held.push_back(acquire_slot(p));
        EXPECT_EQ(held.back().id(), 1U);
    }
}

TEST(Pool, RoundRobinIgnoresTheLoad) {
    pool p = make(balancing_policy::round_robin);
    counts order;
    const backend_slot stays = acquire_slot(p);
    for (int i = 0; i < 6; ++i) order.push_back(acquire_slot(p).id());
    EXPECT_EQ(order, (counts{1, 2, 0, 1, 2, 0}));
}

TEST(Pool, AppliesWeightsInEveryPolicy_G7) {
    for (const auto policy : every_policy) {
        pool p = make(policy, {{.weight = 1}, {.weight = 3}, {.weight = 6}});
        const auto got = distribution(p, 3000);
        const double slack = policy == balancing_policy::client_address ? 100 : 1;  // this policy distributes at random
        EXPECT_NEAR(double(got[0]), 300, slack) << int(policy);
        EXPECT_NEAR(double(got[1]), 900, slack) << int(policy);
        EXPECT_NEAR(double(got[2]), 1800, slack) << int(policy);
    }
}

TEST(Pool, InterleavesWeightedTurns) {
    pool p = make(balancing_policy::round_robin, {{.weight = 5}, {.weight = 1}, {.weight = 1}});
    counts order;
    for (int i = 0; i < 7; ++i) order.push_back(acquire_slot(p).id());
    EXPECT_EQ(std::ranges::count(order, 0U), 5);
    std::size_t run = 0;
    std::size_t longest_run = 0;
    for (const auto index : order) longest_run = std::max(longest_run, run = index == 0 ? run + 1 : 0);
    EXPECT_LE(longest_run, 3U);
}

TEST(Pool, PrefersTheFastestByLeastResponseTime) {
    pool p = make(balancing_policy::least_response_time);
    p.responded(0, health_source::session, 10ms, now);
    p.responded(1, health_source::session, 20ms, now);
    p.responded(2, health_source::session, 40ms, now);
    EXPECT_EQ(distribution(p, 70), (counts{40, 20, 10}));
    // Later the response times of the slow ones are dropped, and they are treated like the others.
    const auto later = now + limits::max_response_time_age + 1s;
    p.responded(0, health_source::session, 10ms, later);
    EXPECT_EQ(distribution(p, 30, later), (counts{10, 10, 10}));
}

TEST(Pool, AddressAffinityMovesOnlyClientsOfARemovedBackend_G7) {
    pool three = make(balancing_policy::client_address);
    pool two = make(balancing_policy::client_address, std::vector<backend_parameters>(2));
    std::map<std::size_t, int> count_by_backend;
    for (int n = 0; n < 3000; ++n) {
        const auto index = acquire_slot(three, client(n)).id();
        EXPECT_EQ(acquire_slot(three, client(n)).id(), index);
        if (index < 2) {
            EXPECT_EQ(acquire_slot(two, client(n)).id(), index);
        }
        ++count_by_backend[index];
    }
    for (const auto& [index, count] : count_by_backend) EXPECT_NEAR(count, 1000, 120) << index;
}

TEST(Pool, AddressAffinityMovesClientsOnlyToABackendThatGainedWeight) {
    pool even = make(balancing_policy::client_address);
    pool heavier = make(balancing_policy::client_address, {{.weight = 1}, {.weight = 2}, {.weight = 1}});
    int moved = 0;
    for (int n = 0; n < 3000; ++n) {
        const auto before = acquire_slot(even, client(n)).id();
        const auto after = acquire_slot(heavier, client(n)).id();
        if (before == after) continue;
        EXPECT_EQ(after, 1U);
        ++moved;
    }
    EXPECT_NEAR(moved, 500, 100);  // from a third of all to a half
}

// ---- Failures

TEST(Pool, OffersEachBackendOncePerSession) {
    for (const auto policy : every_policy) {
        pool p = make(policy);
        std::vector<std::size_t> tried;
        while (const auto s = p.choose({.address = client(7), .user = {}, .host = {}}, tried, now)) tried.push_back(s->id());
        EXPECT_EQ(std::set(tried.begin(), tried.end()).size(), 3U);
        EXPECT_EQ(tried.size(), 3U);
        EXPECT_EQ(refusal(p, tried), no_backend_reason::unavailable);
        EXPECT_EQ(sessions(p), (counts{0, 0, 0}));
    }
}

TEST(Pool, ProbesAFailedBackendWithOneSessionAfterTheRetryDelay) {
    for (const auto policy :
         {balancing_policy::least_sessions, balancing_policy::round_robin, balancing_policy::least_response_time}) {
        pool p = make(policy);
        p.failed(0, "refused", now);
        for (int i = 0; i < 9; ++i) EXPECT_NE(acquire_slot(p, client(1), {}, now + 9s).id(), 0U);
        // All others were tried, so the failing one is used.
        EXPECT_EQ(acquire_slot(p, client(1), {1, 2}, now + 9s).id(), 0U);

        const auto later = now + 30s;
        std::vector<backend_slot> held;
        for (int i = 0; i < 9; ++i) held.push_back(acquire_slot(p, client(1), {}, later));
        EXPECT_EQ(std::ranges::count(held, 0U, &backend_slot::id), 1);
        p.responded(0, health_source::session, 1ms, later);
        held.clear();
        EXPECT_GT(distribution(p, 60, later)[0], 10U);
    }
}

TEST(Pool, NeverUsesABackendThatChecksFoundDown_G7) {
    pool p = make_checked(all_down_policy::reject, std::vector<backend_parameters>(2));
    p.failed(0, "refused", now);
    for (int i = 0; i < 9; ++i) EXPECT_EQ(acquire_slot(p, client(i), {}, now + 1h).id(), 1U);
    EXPECT_EQ(acquire_slot(p, client(1), {1}).id(), 0U);  // failing is not down
    mark_down(p, 0);
    EXPECT_EQ(refusal(p, {1}), no_backend_reason::unavailable);
    mark_down(p, 1);
    EXPECT_EQ(refusal(p), no_backend_reason::unavailable);
    EXPECT_EQ(p.responded(0, health_source::session, 1ms, now), std::nullopt);
    EXPECT_EQ(refusal(p), no_backend_reason::unavailable);
    EXPECT_EQ(p.responded(0, health_source::check, 1ms, now), health_state::up);
    EXPECT_EQ(acquire_slot(p).id(), 0U);
}

TEST(Pool, TriesDownBackendsLastIfConfigured_G7) {
    pool p = make_checked(all_down_policy::try_anyway, std::vector<backend_parameters>(3));
    mark_down(p, 0);
    p.failed(1, "refused", now);
    EXPECT_EQ(acquire_slot(p).id(), 2U);
    EXPECT_EQ(acquire_slot(p, client(1), {2}).id(), 1U);
    EXPECT_EQ(acquire_slot(p, client(1), {1, 2}).id(), 0U);
}

TEST(Pool, AssignsNoDownBackendToAQueuedSession) {
    pool p = make_checked(all_down_policy::reject, {{.max_sessions = 1}, {.max_sessions = 1}});
    backend_slot a = acquire_slot(p);
    backend_slot b = acquire_slot(p);
    bool woken = false;
    queued_session session({}, {}, [&] { woken = true; });
    ASSERT_TRUE(p.enqueue(session));
    mark_down(p, a.id());
    a.release();
    EXPECT_FALSE(woken);
    EXPECT_EQ(p.responded(0, health_source::check, 1ms, now), health_state::up);
    EXPECT_TRUE(woken);
}

TEST(Pool, AppliesSlowStartAfterARecovery_G7) {
    for (const auto policy : every_policy) {
        pool p = make(policy, std::vector<backend_parameters>(2));
        mark_down(p, 0);
        p.responded(0, health_source::session, 1ms, now);
        const double slack = policy == balancing_policy::client_address ? 60 : 2;
        EXPECT_NEAR(double(distribution(p, 1100)[0]), 100, slack) << int(policy);            // a tenth of its weight
        EXPECT_NEAR(double(distribution(p, 900, now + 10s)[0]), 300, slack) << int(policy);  // half of it
        EXPECT_NEAR(double(distribution(p, 600, now + 20s)[0]), 300, slack) << int(policy);
    }
}

TEST(Pool, StoresTheDataMethodsThatABackendRefused) {
    pool p = make(balancing_policy::round_robin);
    const backend_slot first = acquire_slot(p);
    const backend_slot second = acquire_slot(p);
    EXPECT_FALSE(p.refused_methods(first).contains(proto::data_method::epsv));
    proto::method_set refused;
    refused.insert(proto::data_method::epsv);
    p.learn_refused_methods(first, refused);
    p.learn_refused_methods(first, {});
    EXPECT_TRUE(p.refused_methods(first).contains(proto::data_method::epsv));
    EXPECT_FALSE(p.refused_methods(first).contains(proto::data_method::eprt));
    EXPECT_FALSE(p.refused_methods(second).contains(proto::data_method::epsv));
}

// ---- Parameters

TEST(Pool, SendsNoNewSessionsToADrainingBackendAndKeepsItsOwn_G7) {
    for (const auto state : {backend_state::drain, backend_state::maintenance}) {
        pool p = make(balancing_policy::round_robin);
        std::vector<backend_slot> held;
        for (int i = 0; i < 3; ++i) held.push_back(acquire_slot(p));
        auto wanted = farm(std::vector<backend_parameters>(3));
        wanted[1].parameters.state = state;
        EXPECT_EQ(p.set_backends(wanted).size(), 1U);
        EXPECT_EQ(p.set_backends(wanted).size(), 0U);
        for (int i = 0; i < 6; ++i) held.push_back(acquire_slot(p));
        EXPECT_EQ(sessions(p), (counts{4, 1, 4}));
        held.clear();
        EXPECT_EQ(sessions(p), (counts{0, 0, 0}));
        wanted[1].parameters.state = backend_state::active;
        EXPECT_EQ(p.set_backends(wanted).size(), 1U);
        EXPECT_EQ(distribution(p, 9), (counts{3, 3, 3}));
    }
}

TEST(Pool, ReportsThatAllBackendsAreOutOfService) {
    pool p =
        make(balancing_policy::least_sessions, {{.state = backend_state::drain}, {.state = backend_state::maintenance}});
    EXPECT_EQ(refusal(p), no_backend_reason::maintenance);
}

TEST(Pool, AppliesTheSessionLimitOfABackend_G7) {
    for (const auto policy : every_policy) {
        pool p = make(policy, {{.max_sessions = 2}, {.max_sessions = 3}});
        std::vector<backend_slot> held;
        for (int i = 0; i < 5; ++i) held.push_back(acquire_slot(p, client(i)));
        EXPECT_EQ(sessions(p), (counts{2, 3}));
        EXPECT_EQ(refusal(p), no_backend_reason::at_limit);
        EXPECT_EQ(refusal(p, {0}), no_backend_reason::at_limit);
        EXPECT_EQ(refusal(p, {0, 1}), no_backend_reason::unavailable);
        held.pop_back();
        EXPECT_TRUE(acquire_slot(p));
    }
}

// ---- The queue

struct queued {
    bool woken = false;
    queued_session session;
    explicit queued(pool& p, std::vector<std::size_t> tried = {}) : session({}, std::move(tried), [this] { woken = true; }) {
        EXPECT_TRUE(p.enqueue(session));
    }
};

TEST(Pool, ServesTheQueueInOrder_G7) {
    pool p = make(balancing_policy::least_sessions, {{.max_sessions = 2}});
    std::vector<backend_slot> held;
    for (int i = 0; i < 2; ++i) held.push_back(acquire_slot(p));
    queued first(p);
    queued second(p);
    EXPECT_EQ(p.snapshot(now).queued, 2U);
    EXPECT_FALSE(first.woken || second.woken);
    held.pop_back();
    EXPECT_TRUE(first.woken && !second.woken);
    EXPECT_EQ(refusal(p), no_backend_reason::at_limit);  // the free slot is assigned already
    const auto given = first.session.leave_queue();
    ASSERT_TRUE(given);
    EXPECT_EQ(given->id(), 0U);
    const auto timed_out = second.session.leave_queue();
    EXPECT_EQ(timed_out.error(), no_backend_reason::at_limit);
    held.pop_back();
    EXPECT_FALSE(second.woken);
    EXPECT_EQ(p.snapshot(now).queued, 0U);
    EXPECT_EQ(sessions(p), (counts{1}));
}

TEST(Pool, ReassignsASlotThatWasAssignedAndNotUsed) {
    pool p = make(balancing_policy::least_sessions, {{.max_sessions = 1}});
    backend_slot held = acquire_slot(p);
    auto first = std::make_unique<queued>(p);
    queued second(p);
    held.release();
    EXPECT_TRUE(first->woken && !second.woken);
    first.reset();  // its client has closed
    EXPECT_TRUE(second.woken);
    EXPECT_TRUE(second.session.leave_queue());
    EXPECT_EQ(sessions(p), (counts{0}));
}

TEST(Pool, AssignsNoBackendThatTheQueuedSessionHasTried) {
    pool p = make(balancing_policy::round_robin, {{.max_sessions = 1}, {.max_sessions = 1}});
    backend_slot a = acquire_slot(p);
    backend_slot b = acquire_slot(p);
    queued first(p, {0});
    queued second(p);
    a.release();
    EXPECT_TRUE(!first.woken && second.woken);
    b.release();
    EXPECT_TRUE(first.woken);
    EXPECT_EQ(first.session.leave_queue()->id(), 1U);
}

TEST(Pool, ServesTheQueueWhenASlotBecomesFreeInOtherWays) {
    pool p = make(balancing_policy::least_sessions, {{.max_sessions = 1}});
    backend_slot held = acquire_slot(p);
    queued waiting(p);
    auto none = p.set_backends(farm({{.max_sessions = 1, .state = backend_state::drain}}));
    held.release();
    EXPECT_FALSE(waiting.woken);
    none = p.set_backends(farm({{.max_sessions = 1}}));
    EXPECT_TRUE(waiting.woken);
    backend_slot second = *waiting.session.leave_queue();
    // A slot that becomes free between the choice and the queue.
    ASSERT_EQ(refusal(p), no_backend_reason::at_limit);
    second.release();
    const queued late(p);
    EXPECT_TRUE(late.woken);
}

TEST(Pool, BoundsTheQueue) {
    pool p = make(balancing_policy::least_sessions, {{.max_sessions = 1}});
    const backend_slot held = acquire_slot(p);
    std::deque<queued> all;
    for (std::size_t i = 0; i < limits::max_queued_sessions; ++i) all.emplace_back(p);
    queued_session beyond({}, {}, [] {});
    EXPECT_FALSE(p.enqueue(beyond));
    EXPECT_EQ(beyond.leave_queue().error(), no_backend_reason::at_limit);
}

TEST(Pool, SnapshotShowsTheStateOfEachBackend) {
    pool p = make(balancing_policy::least_sessions, {{}, {.weight = 4}});
    const backend_slot held = acquire_slot(p);
    p.failed(0, "refused", now);
    p.responded(1, health_source::session, 30ms, now);
    const auto snapshot = p.snapshot(now + 3s);
    EXPECT_EQ(snapshot.backends[0].name, "ftp://10.0.0.1:21");
    EXPECT_EQ(snapshot.backends[0].health, "failing");
    EXPECT_EQ(snapshot.backends[0].reason, "refused");
    EXPECT_EQ(snapshot.backends[0].since, std::optional<std::chrono::duration<double>>(3s));
    EXPECT_EQ(snapshot.backends[1].weight, 4U);
    EXPECT_EQ(snapshot.backends[1].sessions, 1U);
    EXPECT_EQ(snapshot.backends[1].sessions_total, 1U);
    EXPECT_EQ(snapshot.backends[1].health, "up");
    EXPECT_FALSE(snapshot.backends[1].since);
    EXPECT_NEAR(snapshot.backends[1].response->count(), 0.03, 1e-9);
}

}  // namespace
}  // namespace sallyport::gate
