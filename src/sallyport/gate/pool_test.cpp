#include <sallyport/gate/pool.hpp>

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace sallyport::gate {
namespace {

using namespace std::chrono_literals;

[[nodiscard]] pool make(balance policy, int count = 3) {
    std::vector<backend> backends;
    for (int i = 0; i < count; ++i) backends.push_back({"10.0.0." + std::to_string(i + 1), 21, backend_tls::none});
    return {std::move(backends), policy, 10s};
}

[[nodiscard]] ip_address client(int n) {
    return ip_address::v4({198, 51, static_cast<std::uint8_t>(n / 256), static_cast<std::uint8_t>(n % 256)});
}

const net::deadline now = net::clock::now();

TEST(Pool, SpreadsByLeastSessions_G7) {
    pool p = make(balance::least_sessions);
    std::vector<slot> held;
    for (int i = 0; i < 30; ++i) held.push_back(p.choose(client(1), {}, now));
    EXPECT_EQ(p.sessions(), (std::vector<std::size_t>{10, 10, 10}));
    std::erase_if(held, [](const slot& s) { return s.index() == 1; });
    EXPECT_EQ(p.sessions(), (std::vector<std::size_t>{10, 0, 10}));
    for (int i = 0; i < 10; ++i) {
        held.push_back(p.choose(client(1), {}, now));
        EXPECT_EQ(held.back().index(), 1U);
    }
}

TEST(Pool, TakesTurnsInRoundRobinWhateverTheLoad) {
    pool p = make(balance::round_robin);
    std::vector<std::size_t> order;
    const slot stays = p.choose(client(1), {}, now);
    for (int i = 0; i < 6; ++i) order.push_back(p.choose(client(1), {}, now).index());
    EXPECT_EQ(order, (std::vector<std::size_t>{1, 2, 0, 1, 2, 0}));
}

TEST(Pool, PinsByClientAddressAndMovesOnlyTheClientsOfOneThatLeft) {
    pool three = make(balance::client_address, 3);
    pool two = make(balance::client_address, 2);
    std::map<std::size_t, int> share;
    for (int n = 0; n < 3000; ++n) {
        const auto index = three.choose(client(n), {}, now).index();
        EXPECT_EQ(three.choose(client(n), {}, now).index(), index);
        if (index < 2) {
            EXPECT_EQ(two.choose(client(n), {}, now).index(), index);
        }
        ++share[index];
    }
    for (const auto& [index, count] : share) EXPECT_NEAR(count, 1000, 120) << index;
}

TEST(Pool, OffersEachBackendOnceToASession) {
    for (const auto policy : {balance::least_sessions, balance::round_robin, balance::client_address}) {
        pool p = make(policy);
        std::vector<std::size_t> tried;
        while (const slot s = p.choose(client(7), tried, now)) tried.push_back(s.index());
        EXPECT_EQ(std::set(tried.begin(), tried.end()).size(), 3U);
        EXPECT_EQ(tried.size(), 3U);
        EXPECT_EQ(p.sessions(), (std::vector<std::size_t>{0, 0, 0}));
    }
}

TEST(Pool, LetsAFailedBackendRestAndThenAsksItWithOneSession) {
    pool p = make(balance::round_robin);
    p.failed(p.choose(client(1), {}, now), now);
    for (int i = 0; i < 9; ++i) EXPECT_NE(p.choose(client(1), {}, now + 9s).index(), 0U);
    // All others tried: better the resting one than none.
    EXPECT_EQ(p.choose(client(1), {1, 2}, now + 9s).index(), 0U);

    const auto later = now + 30s;
    std::vector<slot> held;
    int asked = 0;
    for (int i = 0; i < 9; ++i) {
        held.push_back(p.choose(client(1), {}, later));
        if (held.back().index() == 0) {
            ++asked;
            EXPECT_TRUE(p.choose(client(1), {}, later).index() != 0) << "a second one asks meanwhile";
        }
    }
    EXPECT_EQ(asked, 1);
    p.answered(p.choose(client(1), {1, 2}, later));
    std::set<std::size_t> seen;
    for (int i = 0; i < 3; ++i) seen.insert(p.choose(client(1), {}, later).index());
    EXPECT_EQ(seen.size(), 3U);
}

TEST(Pool, RemembersWhatABackendCannotDo) {
    pool p = make(balance::round_robin);
    const slot first = p.choose(client(1), {}, now);
    const slot second = p.choose(client(1), {}, now);
    EXPECT_TRUE(p.speaks_epsv(first));
    p.learn_epsv(first, false);
    EXPECT_FALSE(p.speaks_epsv(first));
    EXPECT_TRUE(p.speaks_epsv(second));
}

}  // namespace
}  // namespace sallyport::gate
