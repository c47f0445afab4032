#include <sallyport/base/token_bucket.hpp>

#include <gtest/gtest.h>

namespace sallyport {
namespace {

using namespace std::chrono_literals;

const token_bucket::clock::time_point start = token_bucket::clock::time_point() + 1000s;

TEST(TokenBucket, LetsABurstGoAndThenTheRate) {
    token_bucket b(10, 3);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(b.take_one(start));
    EXPECT_FALSE(b.take_one(start));
    EXPECT_FALSE(b.take_one(start + 99ms));
    EXPECT_TRUE(b.take_one(start + 100ms));
    EXPECT_FALSE(b.take_one(start + 100ms));
    int taken = 0;
    for (auto now = start + 100ms; now <= start + 10100ms; now += 10ms) taken += b.take_one(now) ? 1 : 0;
    EXPECT_NEAR(taken, 100, 1);
}

TEST(TokenBucket, SavesNoMoreThanABurst) {
    token_bucket b(10, 3);
    EXPECT_TRUE(b.take_one(start));
    EXPECT_FALSE(b.full(start + 99ms));
    EXPECT_TRUE(b.full(start + 1h));
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(b.take_one(start + 1h));
    EXPECT_FALSE(b.take_one(start + 1h));
}

TEST(TokenBucket, ReturnsTheWaitForADeficit) {
    token_bucket b(1000, 100);
    EXPECT_EQ(b.spend(100, start), 0s);
    EXPECT_EQ(b.spend(500, start), 500ms);
    EXPECT_EQ(b.spend(0, start + 300ms), 200ms);
    EXPECT_EQ(b.spend(0, start + 500ms), 0ms);
}

TEST(TokenBucket, IgnoresTimeThatGoesBack) {
    token_bucket b(10, 1);
    EXPECT_TRUE(b.take_one(start));
    EXPECT_FALSE(b.take_one(start - 1h));
    EXPECT_FALSE(b.take_one(start));
    EXPECT_TRUE(b.take_one(start + 100ms));
}

}  // namespace
}  // namespace sallyport
