#include <sallyport/base/memory_budget.hpp>

#include <atomic>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace sallyport {
namespace {

TEST(memory_budget, leases_no_more_than_there_is) {  // RX-03
    memory_budget budget(100);
    auto first = budget.take(60);
    EXPECT_TRUE(first);
    EXPECT_EQ(first.bytes(), 60U);
    EXPECT_FALSE(budget.take(41));
    EXPECT_EQ(budget.left(), 40U);
    const auto second = budget.take(40);
    EXPECT_TRUE(second);
    EXPECT_EQ(budget.left(), 0U);
    first.release();
    first.release();
    EXPECT_FALSE(first);
    EXPECT_EQ(budget.left(), 60U);
}

TEST(memory_budget, a_lease_returns_its_bytes_once) {
    memory_budget budget(100);
    {
        auto a = budget.take(30);
        auto b = std::move(a);
        EXPECT_EQ(budget.left(), 70U);
        b = budget.take(50);
        EXPECT_EQ(budget.left(), 50U);
        a = std::move(b);
        EXPECT_EQ(a.bytes(), 50U);
    }
    EXPECT_EQ(budget.left(), 100U);
}

TEST(memory_budget, may_be_used_by_several_threads) {
    constexpr std::size_t total = 1000;
    memory_budget budget(total);
    std::atomic<std::size_t> leased = 0;
    std::atomic<bool> exceeded = false;
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < 2000; ++i) {
                const auto lease = budget.take(300);
                if (!lease) continue;
                if ((leased += 300) > total) exceeded = true;
                leased -= 300;
            }
        });
    }
    threads.clear();
    EXPECT_FALSE(exceeded);
    EXPECT_EQ(budget.left(), total);
}

}  // namespace
}  // namespace sallyport
