#include <sallyport/gate/pool_test.hpp>

#include <map>
#include <set>

namespace sallyport::gate {
namespace {

using namespace pool_testing;

constexpr auto every_policy = {balance::least_sessions, balance::round_robin, balance::least_response,
                               balance::client_address};

// ---- Policies

TEST(Pool, SpreadsByLeastSessions_G7) {
    pool p = make(balance::least_sessions);
    std::vector<slot> held;
    for (int i = 0; i < 30; ++i) held.push_back(take(p));
    EXPECT_EQ(sessions(p), (counts{10, 10, 10}));
    std::erase_if(held, [](const slot& s) { return s.id() == 1; });
    EXPECT_EQ(sessions(p), (counts{10, 0, 10}));
    for (int i = 0; i < 10; ++i) {
        held.push_back(take(p));
        EXPECT_EQ(held.back().id(), 1U);
    }
}

TEST(Pool, TakesTurnsInRoundRobinWhateverTheLoad) {
    pool p = make(balance::round_robin);
    counts order;
    const slot stays = take(p);
    for (int i = 0; i < 6; ++i) order.push_back(take(p).id());
    EXPECT_EQ(order, (counts{1, 2, 0, 1, 2, 0}));
}

TEST(Pool, HeedsWeightsInEveryPolicy_G7) {
    for (const auto policy : every_policy) {
        pool p = make(policy, {{.weight = 1}, {.weight = 3}, {.weight = 6}});
        const auto got = spread(p, 3000);
        const double slack = policy == balance::client_address ? 100 : 1;  // that one spreads by chance
        EXPECT_NEAR(double(got[0]), 300, slack) << int(policy);
        EXPECT_NEAR(double(got[1]), 900, slack) << int(policy);
        EXPECT_NEAR(double(got[2]), 1800, slack) << int(policy);
    }
}

TEST(Pool, MixesTheTurnsOfWeightsInsteadOfBunchingThem) {
    pool p = make(balance::round_robin, {{.weight = 5}, {.weight = 1}, {.weight = 1}});
    counts order;
    for (int i = 0; i < 7; ++i) order.push_back(take(p).id());
    EXPECT_EQ(std::ranges::count(order, 0U), 5);
    std::size_t run = 0;
    std::size_t longest = 0;
    for (const auto index : order) longest = std::max(longest, run = index == 0 ? run + 1 : 0);
    EXPECT_LE(longest, 3U);
}

TEST(Pool, PrefersTheQuickestByLeastResponse) {
    pool p = make(balance::least_response);
    p.answered(0, witness::session, 10ms, now);
    p.answered(1, witness::session, 20ms, now);
    p.answered(2, witness::session, 40ms, now);
    EXPECT_EQ(spread(p, 70), (counts{40, 20, 10}));
    // Later nothing is known of the slow ones any more: they are asked again, as if they were like the others.
    const auto later = now + limits::backend_response_memory + 1s;
    p.answered(0, witness::session, 10ms, later);
    EXPECT_EQ(spread(p, 30, later), (counts{10, 10, 10}));
}

TEST(Pool, PinsByClientAddressAndMovesOnlyTheClientsOfOneThatLeft_G7) {
    pool three = make(balance::client_address);
    pool two = make(balance::client_address, std::vector<backend_terms>(2));
    std::map<std::size_t, int> share;
    for (int n = 0; n < 3000; ++n) {
        const auto index = take(three, client(n)).id();
        EXPECT_EQ(take(three, client(n)).id(), index);
        if (index < 2) {
            EXPECT_EQ(take(two, client(n)).id(), index);
        }
        ++share[index];
    }
    for (const auto& [index, count] : share) EXPECT_NEAR(count, 1000, 120) << index;
}

TEST(Pool, MovesOnlyToABackendThatGainedWeight) {
    pool even = make(balance::client_address);
    pool heavier = make(balance::client_address, {{.weight = 1}, {.weight = 2}, {.weight = 1}});
    int moved = 0;
    for (int n = 0; n < 3000; ++n) {
        const auto before = take(even, client(n)).id();
        const auto after = take(heavier, client(n)).id();
        if (before == after) continue;
        EXPECT_EQ(after, 1U);
        ++moved;
    }
    EXPECT_NEAR(moved, 500, 100);  // from a third of all to a half
}

// ---- Failures

TEST(Pool, OffersEachBackendOnceToASession) {
    for (const auto policy : every_policy) {
        pool p = make(policy);
        std::vector<std::size_t> tried;
        while (const auto s = p.choose({.address = client(7), .user = {}, .host = {}}, tried, now)) tried.push_back(s->id());
        EXPECT_EQ(std::set(tried.begin(), tried.end()).size(), 3U);
        EXPECT_EQ(tried.size(), 3U);
        EXPECT_EQ(refusal(p, tried), shortage::failing);
        EXPECT_EQ(sessions(p), (counts{0, 0, 0}));
    }
}

TEST(Pool, LetsAFailedBackendRestAndThenAsksItWithOneSession) {
    for (const auto policy : {balance::least_sessions, balance::round_robin, balance::least_response}) {
        pool p = make(policy);
        p.failed(0, "refused", now);
        for (int i = 0; i < 9; ++i) EXPECT_NE(take(p, client(1), {}, now + 9s).id(), 0U);
        // All others tried: better the resting one than none.
        EXPECT_EQ(take(p, client(1), {1, 2}, now + 9s).id(), 0U);

        const auto later = now + 30s;
        std::vector<slot> held;
        for (int i = 0; i < 9; ++i) held.push_back(take(p, client(1), {}, later));
        EXPECT_EQ(std::ranges::count(held, 0U, &slot::id), 1);
        p.answered(0, witness::session, 1ms, later);
        held.clear();
        EXPECT_GT(spread(p, 60, later)[0], 10U);
    }
}

TEST(Pool, NeverAsksWhatChecksFoundDown_G7) {
    pool p = make_checked(all_down::refuse, std::vector<backend_terms>(2));
    p.failed(0, "refused", now);
    for (int i = 0; i < 9; ++i) EXPECT_EQ(take(p, client(i), {}, now + 1h).id(), 1U);
    EXPECT_EQ(take(p, client(1), {1}).id(), 0U);  // failing is not down
    bring_down(p, 0);
    EXPECT_EQ(refusal(p, {1}), shortage::failing);
    bring_down(p, 1);
    EXPECT_EQ(refusal(p), shortage::failing);
    EXPECT_EQ(p.answered(0, witness::session, 1ms, now), std::nullopt);
    EXPECT_EQ(refusal(p), shortage::failing);
    EXPECT_EQ(p.answered(0, witness::check, 1ms, now), condition::up);
    EXPECT_EQ(take(p).id(), 0U);
}

TEST(Pool, TriesWhatIsDownLastOfAllWhereThatIsWanted_G7) {
    pool p = make_checked(all_down::try_anyway, std::vector<backend_terms>(3));
    bring_down(p, 0);
    p.failed(1, "refused", now);
    EXPECT_EQ(take(p).id(), 2U);
    EXPECT_EQ(take(p, client(1), {2}).id(), 1U);
    EXPECT_EQ(take(p, client(1), {1, 2}).id(), 0U);
}

TEST(Pool, GivesNobodyWhoWaitsABackendThatIsDown) {
    pool p = make_checked(all_down::refuse, {{.max_sessions = 1}, {.max_sessions = 1}});
    slot a = take(p);
    slot b = take(p);
    bool woken = false;
    waiter place({}, {}, [&] { woken = true; });
    ASSERT_TRUE(p.enqueue(place));
    bring_down(p, a.id());
    a.release();
    EXPECT_FALSE(woken);
    EXPECT_EQ(p.answered(0, witness::check, 1ms, now), condition::up);
    EXPECT_TRUE(woken);
}

TEST(Pool, StartsSlowlyAfterARecovery_G7) {
    for (const auto policy : every_policy) {
        pool p = make(policy, std::vector<backend_terms>(2));
        bring_down(p, 0);
        p.answered(0, witness::session, 1ms, now);
        const double slack = policy == balance::client_address ? 60 : 2;
        EXPECT_NEAR(double(spread(p, 1100)[0]), 100, slack) << int(policy);            // a tenth of its weight
        EXPECT_NEAR(double(spread(p, 900, now + 10s)[0]), 300, slack) << int(policy);  // half of it
        EXPECT_NEAR(double(spread(p, 600, now + 20s)[0]), 300, slack) << int(policy);
    }
}

TEST(Pool, RemembersWhatABackendCannotDo) {
    pool p = make(balance::round_robin);
    const slot first = take(p);
    const slot second = take(p);
    EXPECT_FALSE(p.refused_by(first).contains(proto::data_method::epsv));
    proto::method_set refused;
    refused.insert(proto::data_method::epsv);
    p.learn_refused(first, refused);
    p.learn_refused(first, {});
    EXPECT_TRUE(p.refused_by(first).contains(proto::data_method::epsv));
    EXPECT_FALSE(p.refused_by(first).contains(proto::data_method::eprt));
    EXPECT_FALSE(p.refused_by(second).contains(proto::data_method::epsv));
}

// ---- Terms

TEST(Pool, GivesNoNewSessionsToADrainedBackendAndKeepsItsOwn_G7) {
    for (const auto state : {backend_state::drain, backend_state::maintenance}) {
        pool p = make(balance::round_robin);
        std::vector<slot> held;
        for (int i = 0; i < 3; ++i) held.push_back(take(p));
        auto wanted = farm(std::vector<backend_terms>(3));
        wanted[1].terms.state = state;
        EXPECT_EQ(p.adjust(wanted).size(), 1U);
        EXPECT_EQ(p.adjust(wanted).size(), 0U);
        for (int i = 0; i < 6; ++i) held.push_back(take(p));
        EXPECT_EQ(sessions(p), (counts{4, 1, 4}));
        held.clear();
        EXPECT_EQ(sessions(p), (counts{0, 0, 0}));
        wanted[1].terms.state = backend_state::active;
        EXPECT_EQ(p.adjust(wanted).size(), 1U);
        EXPECT_EQ(spread(p, 9), (counts{3, 3, 3}));
    }
}

TEST(Pool, SaysWhenAllAreOutOfService) {
    pool p = make(balance::least_sessions, {{.state = backend_state::drain}, {.state = backend_state::maintenance}});
    EXPECT_EQ(refusal(p), shortage::closed);
}

TEST(Pool, KeepsToTheMostSessionsOfABackend_G7) {
    for (const auto policy : every_policy) {
        pool p = make(policy, {{.max_sessions = 2}, {.max_sessions = 3}});
        std::vector<slot> held;
        for (int i = 0; i < 5; ++i) held.push_back(take(p, client(i)));
        EXPECT_EQ(sessions(p), (counts{2, 3}));
        EXPECT_EQ(refusal(p), shortage::full);
        EXPECT_EQ(refusal(p, {0}), shortage::full);
        EXPECT_EQ(refusal(p, {0, 1}), shortage::failing);
        held.pop_back();
        EXPECT_TRUE(take(p));
    }
}

// ---- The queue

struct queued {
    bool woken = false;
    waiter place;
    explicit queued(pool& p, std::vector<std::size_t> tried = {}) : place({}, std::move(tried), [this] { woken = true; }) {
        EXPECT_TRUE(p.enqueue(place));
    }
};

TEST(Pool, ServesThoseWhoWaitInTheOrderTheyCame_G7) {
    pool p = make(balance::least_sessions, {{.max_sessions = 2}});
    std::vector<slot> held;
    for (int i = 0; i < 2; ++i) held.push_back(take(p));
    queued first(p);
    queued second(p);
    EXPECT_EQ(p.snapshot(now).queued, 2U);
    EXPECT_FALSE(first.woken || second.woken);
    held.pop_back();
    EXPECT_TRUE(first.woken && !second.woken);
    EXPECT_EQ(refusal(p), shortage::full);  // what became free is spoken for
    const auto given = first.place.take();
    ASSERT_TRUE(given);
    EXPECT_EQ(given->id(), 0U);
    const auto gave_up = second.place.take();
    EXPECT_EQ(gave_up.error(), shortage::full);
    held.pop_back();
    EXPECT_FALSE(second.woken);
    EXPECT_EQ(p.snapshot(now).queued, 0U);
    EXPECT_EQ(sessions(p), (counts{1}));
}

TEST(Pool, PassesOnARoomThatWasGivenAndNotTaken) {
    pool p = make(balance::least_sessions, {{.max_sessions = 1}});
    slot held = take(p);
    auto first = std::make_unique<queued>(p);
    queued second(p);
    held.release();
    EXPECT_TRUE(first->woken && !second.woken);
    first.reset();  // its client has gone
    EXPECT_TRUE(second.woken);
    EXPECT_TRUE(second.place.take());
    EXPECT_EQ(sessions(p), (counts{0}));
}

TEST(Pool, GivesNobodyWhoWaitsABackendThatFailedHim) {
    pool p = make(balance::round_robin, {{.max_sessions = 1}, {.max_sessions = 1}});
    slot a = take(p);
    slot b = take(p);
    queued first(p, {0});
    queued second(p);
    a.release();
    EXPECT_TRUE(!first.woken && second.woken);
    b.release();
    EXPECT_TRUE(first.woken);
    EXPECT_EQ(first.place.take()->id(), 1U);
}

TEST(Pool, ServesTheQueueWhenRoomComesByOtherWays) {
    pool p = make(balance::least_sessions, {{.max_sessions = 1}});
    slot held = take(p);
    queued waits(p);
    auto none = p.adjust(farm({{.max_sessions = 1, .state = backend_state::drain}}));
    held.release();
    EXPECT_FALSE(waits.woken);
    none = p.adjust(farm({{.max_sessions = 1}}));
    EXPECT_TRUE(waits.woken);
    slot second = *waits.place.take();
    // Room that came between the refusal and the queue.
    ASSERT_EQ(refusal(p), shortage::full);
    second.release();
    const queued late(p);
    EXPECT_TRUE(late.woken);
}

TEST(Pool, BoundsTheQueue) {
    pool p = make(balance::least_sessions, {{.max_sessions = 1}});
    const slot held = take(p);
    std::deque<queued> all;
    for (std::size_t i = 0; i < limits::backend_queue; ++i) all.emplace_back(p);
    waiter beyond({}, {}, [] {});
    EXPECT_FALSE(p.enqueue(beyond));
    EXPECT_EQ(beyond.take().error(), shortage::full);
}

TEST(Pool, ShowsWhatItKnows) {
    pool p = make(balance::least_sessions, {{}, {.weight = 4}});
    const slot held = take(p);
    p.failed(0, "refused", now);
    p.answered(1, witness::session, 30ms, now);
    const auto shown = p.snapshot(now + 3s);
    EXPECT_EQ(shown.backends[0].name, "ftp://10.0.0.1:21");
    EXPECT_EQ(shown.backends[0].health, "failing");
    EXPECT_EQ(shown.backends[0].reason, "refused");
    EXPECT_EQ(shown.backends[0].since, std::optional<std::chrono::duration<double>>(3s));
    EXPECT_EQ(shown.backends[1].weight, 4U);
    EXPECT_EQ(shown.backends[1].sessions, 1U);
    EXPECT_EQ(shown.backends[1].sessions_total, 1U);
    EXPECT_EQ(shown.backends[1].health, "up");
    EXPECT_FALSE(shown.backends[1].since);
    EXPECT_NEAR(shown.backends[1].response->count(), 0.03, 1e-9);
}

}  // namespace
}  // namespace sallyport::gate
