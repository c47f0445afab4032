#include <sallyport/frontend/login_pool.hpp>

#include <gtest/gtest.h>

namespace sallyport::frontend {
namespace {

/// The probability of a rejection, in steps of 1/1000.
double probability(const login_pool& pool, std::size_t own) {
    int rejected = 0;
    for (int i = 0; i < 1000; ++i) rejected += rejects(pool, 1000, own, i / 1000.0) ? 1 : 0;
    return rejected / 1000.0;
}

/// A pool for 1,000 sessions, in which each address has the same number.
login_pool filled(std::size_t used, std::size_t addresses) { return {used, used, addresses}; }

TEST(login_pool_test, RX01_nothing_is_rejected_up_to_half_of_the_pool) {
    EXPECT_EQ(probability(filled(0, 0), 0), 0);
    EXPECT_EQ(probability(filled(499, 1), 499), 0);
}

TEST(login_pool_test, RX01_from_half_on_a_growing_part_is_rejected) {
    EXPECT_NEAR(probability(filled(500, 10), 50), 0.3, 0.01);
    EXPECT_NEAR(probability(filled(687, 10), 69), 0.65, 0.01);
    EXPECT_EQ(probability(filled(875, 10), 88), 1);
}

TEST(login_pool_test, RX01_an_address_with_few_sessions_is_hardly_rejected) {
    for (const std::size_t used : {500U, 700U, 875U, 999U}) EXPECT_LE(probability(filled(used, 10), 0), 0.03) << used;
    EXPECT_NEAR(probability(filled(500, 10), 25), 0.15, 0.02) << "half of the average";
}

TEST(login_pool_test, RX01_many_addresses_with_one_session_each_do_not_fill_the_pool) {
    EXPECT_NEAR(probability(filled(500, 500), 0), 0.3, 0.01);
    EXPECT_EQ(probability(filled(875, 875), 0), 1);
}

TEST(login_pool_test, RX01_a_full_pool_takes_no_session) { EXPECT_EQ(probability(filled(1000, 10), 0), 1); }

TEST(login_pool_test, a_small_pool_has_no_early_rejection) {
    for (std::size_t max = 1; max <= 10; ++max)
        for (std::size_t used = 0; used < max; ++used) EXPECT_FALSE(rejects({used, used, 1}, max, used, 0)) << max;
    EXPECT_TRUE(rejects({11, 11, 1}, 12, 11, 0.9));
}

}  // namespace
}  // namespace sallyport::frontend
