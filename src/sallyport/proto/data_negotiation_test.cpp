#include <sallyport/proto/data_negotiation.hpp>

#include <gtest/gtest.h>

#include <sallyport/proto/client_play.hpp>

namespace sallyport::proto {
namespace {

TEST(data_negotiation, goes_through_the_methods_and_forgets_when_none_is_left) {
    const auto s = play::plain();
    data_negotiation n;
    ASSERT_TRUE(n.begin(s));
    for (const auto m : {data_method::epsv, data_method::pasv, data_method::eprt}) {
        EXPECT_EQ(n.method(), m);
        EXPECT_TRUE(n.fail(s, error{errc::rejected, 0, "no"}, true));
    }
    EXPECT_TRUE(n.active());
    EXPECT_FALSE(n.fail(s, error{errc::rejected, 0, "no"}, true));
    EXPECT_EQ(n.attempts().size(), 4U);
    n.forget_attempts();
    ASSERT_TRUE(n.begin(s));
    EXPECT_EQ(n.method(), data_method::epsv);
}

TEST(data_negotiation, a_failure_of_the_moment_is_not_remembered) {
    const auto s = play::plain();
    data_negotiation n;
    ASSERT_TRUE(n.begin(s));
    ASSERT_TRUE(n.fail(s, error{errc::rejected, 0, "425"}, false));
    ASSERT_TRUE(n.begin(s));
    EXPECT_EQ(n.method(), data_method::epsv);
}

TEST(data_negotiation, only_a_silent_EPSV_before_PASV_is_skipped) {
    auto s = play::plain();
    data_negotiation n;
    ASSERT_TRUE(n.begin(s));
    EXPECT_TRUE(n.may_skip_silent_epsv(s));
    s.methods = {data_method::epsv, data_method::eprt};
    data_negotiation without;
    ASSERT_TRUE(without.begin(s));
    EXPECT_FALSE(without.may_skip_silent_epsv(s));
}

}  // namespace
}  // namespace sallyport::proto
