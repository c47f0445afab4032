// Backends that are added and removed at runtime.

#include <sallyport/gate/pool_test.hpp>

#include <utility>

namespace sallyport::gate {
namespace {

using namespace pool_testing;

[[nodiscard]] std::vector<std::string> names(const pool& p) {
    std::vector<std::string> out;
    for (const auto& b : p.snapshot(now).backends) out.push_back(b.name + (b.state == "removed" ? " removed" : ""));
    return out;
}

TEST(PoolList, AddsBackendsAndReportsChanges_G7) {
    pool p = make(balancing_policy::round_robin);
    auto wanted = farm({{}, {.weight = 7, .max_sessions = 9}});
    wanted.push_back({"10.9.9.9", 21, backend_tls::none});
    EXPECT_EQ(p.set_backends(wanted),
              (std::vector<std::string>{"Backend ftp://10.0.0.2:21: weight 7, session limit 9, active",
                                        "Backend ftp://10.0.0.3:21 removed; sessions remaining: 0",
                                        "Backend ftp://10.9.9.9:21 added: weight 1, no session limit, active"}));
    EXPECT_EQ(p.set_backends(wanted), std::vector<std::string>());
    EXPECT_EQ(names(p), (std::vector<std::string>{"ftp://10.0.0.1:21", "ftp://10.0.0.2:21", "ftp://10.9.9.9:21"}));
    std::vector<backend_slot> held;
    for (int i = 0; i < 9; ++i) held.push_back(acquire_slot(p));
    EXPECT_EQ(sessions(p), (counts{1, 7, 1}));
}

TEST(PoolList, ErasesARemovedBackendWithItsLastSession_G7) {
    pool p = make(balancing_policy::round_robin);
    std::vector<backend_slot> held;
    for (int i = 0; i < 6; ++i) held.push_back(acquire_slot(p));
    EXPECT_EQ(p.set_backends(farm(std::vector<backend_parameters>(2)))[0],
              "Backend ftp://10.0.0.3:21 removed; sessions remaining: 2");
    EXPECT_FALSE(p.state(2));
    EXPECT_EQ(p.list().size(), 2U);
    for (int i = 0; i < 4; ++i) held.push_back(acquire_slot(p));
    EXPECT_EQ(sessions(p), (counts{4, 4, 2}));
    EXPECT_EQ(names(p).back(), "ftp://10.0.0.3:21 removed");
    // A session can use its backend until it ends.
    EXPECT_EQ(held[2].server().text(), "ftp://10.0.0.3:21");
    p.failed(2, "cut", now);
    held[2].release();
    EXPECT_EQ(names(p).size(), 3U);
    held[5].release();
    EXPECT_EQ(names(p).size(), 2U);
    EXPECT_EQ(p.failed(2, "cut", now), std::nullopt);
    EXPECT_EQ(p.responded(2, health_source::check, 1ms, now), std::nullopt);
}

TEST(PoolList, RecognizesABackendThatReturnsBeforeItsSessionsEnd) {
    pool p = make(balancing_policy::least_sessions, std::vector<backend_parameters>(2));
    std::vector<backend_slot> held;
    for (int i = 0; i < 4; ++i) held.push_back(acquire_slot(p));
    auto changes = p.set_backends(farm({{}}));
    changes = p.set_backends(farm(std::vector<backend_parameters>(2)));
    EXPECT_EQ(changes,
              std::vector<std::string>{"Backend ftp://10.0.0.2:21 listed again: weight 1, no session limit, active"});
    EXPECT_EQ(sessions(p), (counts{2, 2}));
    EXPECT_EQ(p.state(1), backend_state::active);
    // Once erased, it is added as a new backend.
    held.clear();
    changes = p.set_backends(farm({{}}));
    changes = p.set_backends(farm(std::vector<backend_parameters>(2)));
    EXPECT_EQ(p.state(1), std::nullopt);
    EXPECT_EQ(p.state(2), backend_state::active);
}

TEST(PoolList, TreatsABackendWithOtherConnectionParametersAsNew) {
    pool p = make(balancing_policy::round_robin, {{}});
    const backend_slot stays = acquire_slot(p);
    auto wanted = farm({{}});
    wanted[0].proxy_protocol = proto::proxy_version::v2;
    EXPECT_EQ(p.set_backends(wanted).size(), 2U);
    const backend_slot fresh = acquire_slot(p);
    EXPECT_NE(fresh.id(), stays.id());
    EXPECT_FALSE(stays.server().proxy_protocol);
    EXPECT_EQ(fresh.server().proxy_protocol, proto::proxy_version::v2);
}

TEST(PoolList, MovesFewClientsWhenBackendsAreAddedOrRemoved_G7) {
    pool p = make(balancing_policy::client_address, std::vector<backend_parameters>(8));
    std::vector<std::string> before;
    for (int n = 0; n < 4000; ++n) before.push_back(acquire_slot(p, client(n)).server().text());
    const auto moved = [&] {
        int out = 0;
        for (int n = 0; n < 4000; ++n) {
            const auto at = acquire_slot(p, client(n)).server().text();
            if (std::exchange(before[std::size_t(n)], at) != at) ++out;
        }
        return out;
    };
    auto changes = p.set_backends(farm(std::vector<backend_parameters>(10)));
    EXPECT_NEAR(moved(), 800, 120);  // a fifth of all, to the two new backends
    changes = p.set_backends(farm(std::vector<backend_parameters>(9)));
    EXPECT_NEAR(moved(), 400, 80);
    changes = p.set_backends(farm(std::vector<backend_parameters>(8)));
    changes = p.set_backends(farm(std::vector<backend_parameters>(9)));
    EXPECT_EQ(moved(), 0);
}

TEST(PoolList, QueuesSessionsUntilTheFirstBackendIsDiscovered) {
    pool p = make(balancing_policy::least_sessions, {});
    EXPECT_EQ(refusal(p), no_backend_reason::not_resolved);
    bool woken = false;
    queued_session session({}, {}, [&] { woken = true; });
    ASSERT_TRUE(p.enqueue(session));
    EXPECT_FALSE(woken);
    const auto changes = p.set_backends(farm({{}}));
    EXPECT_TRUE(woken);
    EXPECT_EQ(session.leave_queue()->server().text(), "ftp://10.0.0.1:21");
}

}  // namespace
}  // namespace sallyport::gate
