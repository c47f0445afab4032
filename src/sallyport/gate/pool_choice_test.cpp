// Backends reserved for users or hosts, and priorities.

#include <sallyport/gate/pool_test.hpp>

#include <map>

namespace sallyport::gate {
namespace {

using namespace pool_testing;

[[nodiscard]] std::string served(pool& p, const std::string& user, const std::string& host = {}) {
    const auto chosen = p.choose({.address = client(1), .user = user, .host = host}, {}, now);
    if (chosen) return "backend " + std::to_string(chosen->id());
    switch (chosen.error()) {
        case no_backend_reason::unavailable: return "unavailable";
        case no_backend_reason::at_limit: return "at_limit";
        case no_backend_reason::maintenance: return "maintenance";
        case no_backend_reason::not_resolved: return "not_resolved";
        case no_backend_reason::not_permitted: return "not_permitted";
    }
    return {};
}

TEST(PoolChoice, ReservesABackendForItsUsers_G7) {
    pool p = make(balancing_policy::round_robin, {{.users = {"anna", "b*"}}, {}});
    EXPECT_TRUE(p.selects_at_login());
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(served(p, "anna"), "backend 0");
        EXPECT_EQ(served(p, "b"), "backend 0");
        EXPECT_EQ(served(p, "bob"), "backend 0");
        EXPECT_EQ(served(p, "Anna"), "backend 1");
        EXPECT_EQ(served(p, "annabel"), "backend 1");
    }
    // If their backend is out of service, they use no other one.
    mark_down(p, 0);
    p.failed(1, "refused", now);
    EXPECT_EQ(served(p, "anna"), "backend 0");
    auto changes = p.set_backends(farm({{.state = backend_state::drain, .users = {"anna"}}, {}}));
    EXPECT_EQ(served(p, "anna"), "maintenance");
    EXPECT_EQ(served(p, "bob"), "backend 1");
    changes = p.set_backends(farm({{.users = {"anna"}}}));
    EXPECT_EQ(served(p, "bob"), "not_permitted");
    changes = p.set_backends(farm({{}, {}}));
    EXPECT_FALSE(p.selects_at_login());
}

TEST(PoolChoice, WildcardsMatchAnything) {
    const std::map<std::string, std::vector<std::string>> right{{"*", {"", "a", "*"}},
                                                                {"a*", {"a", "ab"}},
                                                                {"*a", {"a", "ba", "aa"}},
                                                                {"a*b*c", {"abc", "axbxbxc", "aabbcc"}},
                                                                {"a**", {"a", "ab"}}};
    const std::map<std::string, std::vector<std::string>> wrong{
        {"a", {"", "A", "aa"}}, {"a*", {"", "ba"}}, {"*a", {"", "ab"}}, {"a*b*c", {"ac", "acb", "abcd"}}, {"a*a", {"a"}}};
    for (const auto& [pattern, names] : right) {
        pool p = make(balancing_policy::round_robin, {{.users = {pattern}}});
        for (const auto& name : names) EXPECT_EQ(served(p, name), "backend 0") << pattern << ' ' << name;
    }
    for (const auto& [pattern, names] : wrong) {
        pool p = make(balancing_policy::round_robin, {{.users = {pattern}}});
        for (const auto& name : names) EXPECT_EQ(served(p, name), "not_permitted") << pattern << ' ' << name;
    }
    // The match ends for any number of wildcards.
    pool p = make(balancing_policy::round_robin, {{.users = {"*a*a*a*a*a*a*a*a*a*a*a*a*b"}}});
    EXPECT_EQ(served(p, std::string(500, 'a')), "not_permitted");
}

TEST(PoolChoice, SelectsByHostAndUser_G7) {
    pool p = make(balancing_policy::round_robin,
                  {{.hosts = {"ftp.a.example"}}, {.hosts = {"*.b.example"}}, {.users = {"anna"}, .hosts = {"*.c.example"}}});
    EXPECT_EQ(served(p, "anna", "ftp.a.example"), "backend 0");
    EXPECT_EQ(served(p, "anna", "FTP.A.Example"), "backend 0");
    EXPECT_EQ(served(p, "anna", "x.b.example"), "backend 1");
    EXPECT_EQ(served(p, "anna", "x.c.example"), "backend 2");
    EXPECT_EQ(served(p, "bob", "x.c.example"), "not_permitted");
    EXPECT_EQ(served(p, "anna"), "not_permitted");
}

TEST(PoolChoice, UserAffinityMovesOnlyUsersOfARemovedBackend_G7) {
    pool p = make(balancing_policy::user, std::vector<backend_parameters>(4));
    EXPECT_TRUE(p.selects_at_login());
    std::map<std::string, std::string> assigned;
    std::map<std::string, int> count_by_backend;
    for (int n = 0; n < 2000; ++n)
        ++count_by_backend[assigned["user" + std::to_string(n)] = served(p, "user" + std::to_string(n))];
    for (const auto& [at, count] : count_by_backend) EXPECT_NEAR(count, 500, 100) << at;
    auto changes = p.set_backends(farm(std::vector<backend_parameters>(3)));
    for (const auto& [user, at] : assigned) {
        if (at != "backend 3") {
            EXPECT_EQ(served(p, user), at);
        }
    }
}

TEST(PoolChoice, UsesALaterPriorityOnlyIfTheFirstHasNoBackend_G7) {
    pool p = make(balancing_policy::least_sessions, {{.priority = 1}, {.max_sessions = 2}, {}});
    std::vector<backend_slot> held;
    for (int i = 0; i < 6; ++i) held.push_back(acquire_slot(p));
    EXPECT_EQ(sessions(p), (counts{0, 2, 4}));
    p.failed(2, "refused", now);
    EXPECT_EQ(acquire_slot(p).id(), 0U);  // health comes before priority
    held.clear();
    EXPECT_EQ(acquire_slot(p).id(), 1U);
}

TEST(PoolChoice, AssignsAFreeSlotToASessionThatMayUseIt) {
    pool p = make(balancing_policy::round_robin, {{.max_sessions = 1, .users = {"anna"}}, {.max_sessions = 1}});
    backend_slot of_anna = *p.choose({.address = client(1), .user = "anna", .host = {}}, {}, now);
    backend_slot of_bob = *p.choose({.address = client(1), .user = "bob", .host = {}}, {}, now);
    bool bob_woken = false;
    bool anna_woken = false;
    queued_session bob({.address = client(1), .user = "bob", .host = {}}, {}, [&] { bob_woken = true; });
    queued_session anna({.address = client(1), .user = "anna", .host = {}}, {}, [&] { anna_woken = true; });
    ASSERT_TRUE(p.enqueue(bob) && p.enqueue(anna));
    of_anna.release();
    EXPECT_TRUE(anna_woken && !bob_woken);
    of_bob.release();
    EXPECT_TRUE(bob_woken);
    EXPECT_EQ(bob.leave_queue()->id(), 1U);
}

}  // namespace
}  // namespace sallyport::gate
