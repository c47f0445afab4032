// Backends that come and go while the pool is in use.

#include <sallyport/gate/pool_test.hpp>

#include <utility>

namespace sallyport::gate {
namespace {

using namespace pool_testing;

[[nodiscard]] std::vector<std::string> names(const pool& p) {
    std::vector<std::string> out;
    for (const auto& b : p.snapshot(now).backends) out.push_back(b.name + (b.state == "removed" ? " leaves" : ""));
    return out;
}

TEST(PoolList, TakesInWhatIsNewAndSaysWhatChanged_G7) {
    pool p = make(balance::round_robin);
    auto wanted = farm({{}, {.weight = 7, .max_sessions = 9}});
    wanted.push_back({"10.9.9.9", 21, backend_tls::none});
    EXPECT_EQ(p.adjust(wanted),
              (std::vector<std::string>{"Backend ftp://10.0.0.2:21: weight 7, 9 sessions at most, active",
                                        "Backend ftp://10.0.0.3:21 leaves; sessions still there: 0",
                                        "Backend ftp://10.9.9.9:21 joins: weight 1, any number of sessions, active"}));
    EXPECT_EQ(p.adjust(wanted), std::vector<std::string>());
    EXPECT_EQ(names(p), (std::vector<std::string>{"ftp://10.0.0.1:21", "ftp://10.0.0.2:21", "ftp://10.9.9.9:21"}));
    std::vector<slot> held;
    for (int i = 0; i < 9; ++i) held.push_back(take(p));
    EXPECT_EQ(sessions(p), (counts{1, 7, 1}));
}

TEST(PoolList, ForgetsABackendThatLeftWithItsLastSession_G7) {
    pool p = make(balance::round_robin);
    std::vector<slot> held;
    for (int i = 0; i < 6; ++i) held.push_back(take(p));
    EXPECT_EQ(p.adjust(farm(std::vector<backend_terms>(2)))[0], "Backend ftp://10.0.0.3:21 leaves; sessions still there: 2");
    EXPECT_FALSE(p.state(2));
    EXPECT_EQ(p.list().size(), 2U);
    for (int i = 0; i < 4; ++i) held.push_back(take(p));
    EXPECT_EQ(sessions(p), (counts{4, 4, 2}));
    EXPECT_EQ(names(p).back(), "ftp://10.0.0.3:21 leaves");
    // Whoever is still there may speak of it to the end.
    EXPECT_EQ(held[2].where().text(), "ftp://10.0.0.3:21");
    p.failed(2, "cut", now);
    held[2].release();
    EXPECT_EQ(names(p).size(), 3U);
    held[5].release();
    EXPECT_EQ(names(p).size(), 2U);
    EXPECT_EQ(p.failed(2, "cut", now), std::nullopt);
    EXPECT_EQ(p.answered(2, witness::check, 1ms, now), std::nullopt);
}

TEST(PoolList, KnowsABackendThatComesBackBeforeItsSessionsEnded) {
    pool p = make(balance::least_sessions, std::vector<backend_terms>(2));
    std::vector<slot> held;
    for (int i = 0; i < 4; ++i) held.push_back(take(p));
    auto changes = p.adjust(farm({{}}));
    changes = p.adjust(farm(std::vector<backend_terms>(2)));
    EXPECT_EQ(changes,
              std::vector<std::string>{"Backend ftp://10.0.0.2:21 is back: weight 1, any number of sessions, active"});
    EXPECT_EQ(sessions(p), (counts{2, 2}));
    EXPECT_EQ(p.state(1), backend_state::active);
    // Once forgotten it is another one, of which nothing is known.
    held.clear();
    changes = p.adjust(farm({{}}));
    changes = p.adjust(farm(std::vector<backend_terms>(2)));
    EXPECT_EQ(p.state(1), std::nullopt);
    EXPECT_EQ(p.state(2), backend_state::active);
}

TEST(PoolList, TakesABackendThatIsReachedOtherwiseForAnotherOne) {
    pool p = make(balance::round_robin, {{}});
    const slot stays = take(p);
    auto wanted = farm({{}});
    wanted[0].proxy = proto::proxy_version::v2;
    EXPECT_EQ(p.adjust(wanted).size(), 2U);
    const slot fresh = take(p);
    EXPECT_NE(fresh.id(), stays.id());
    EXPECT_FALSE(stays.where().proxy);
    EXPECT_EQ(fresh.where().proxy, proto::proxy_version::v2);
}

TEST(PoolList, MovesFewClientsWhenBackendsComeAndGo_G7) {
    pool p = make(balance::client_address, std::vector<backend_terms>(8));
    std::vector<std::string> before;
    for (int n = 0; n < 4000; ++n) before.push_back(take(p, client(n)).where().text());
    const auto moved = [&] {
        int out = 0;
        for (int n = 0; n < 4000; ++n) {
            const auto at = take(p, client(n)).where().text();
            if (std::exchange(before[std::size_t(n)], at) != at) ++out;
        }
        return out;
    };
    auto changes = p.adjust(farm(std::vector<backend_terms>(10)));
    EXPECT_NEAR(moved(), 800, 120);  // a fifth of all, which the two new ones have now
    changes = p.adjust(farm(std::vector<backend_terms>(9)));
    EXPECT_NEAR(moved(), 400, 80);
    changes = p.adjust(farm(std::vector<backend_terms>(8)));
    changes = p.adjust(farm(std::vector<backend_terms>(9)));
    EXPECT_EQ(moved(), 0);
}

TEST(PoolList, LetsClientsWaitForTheFirstBackend) {
    pool p = make(balance::least_sessions, {});
    EXPECT_EQ(refusal(p), shortage::none);
    bool woken = false;
    waiter place({}, {}, [&] { woken = true; });
    ASSERT_TRUE(p.enqueue(place));
    EXPECT_FALSE(woken);
    const auto changes = p.adjust(farm({{}}));
    EXPECT_TRUE(woken);
    EXPECT_EQ(place.take()->where().text(), "ftp://10.0.0.1:21");
}

}  // namespace
}  // namespace sallyport::gate
