#include <sallyport/proto/data_negotiation.hpp>

#include <gtest/gtest.h>

#include <sallyport/proto/client_test_script.hpp>

namespace sallyport::proto {
namespace {

TEST(data_negotiation, tries_each_method_and_starts_over_when_none_remains) {
    const auto s = client_script::plain();
    data_negotiation n;
    ASSERT_TRUE(n.start(s));
    for (const auto m : {data_method::epsv, data_method::pasv, data_method::eprt}) {
        EXPECT_EQ(n.method(), m);
        EXPECT_TRUE(n.fail(s, error{errc::rejected, 0, "no"}, true));
    }
    EXPECT_TRUE(n.active());
    EXPECT_FALSE(n.fail(s, error{errc::rejected, 0, "no"}, true));
    EXPECT_EQ(n.attempts().size(), 4U);
    n.clear_attempts();
    ASSERT_TRUE(n.start(s));
    EXPECT_EQ(n.method(), data_method::epsv);
}

TEST(data_negotiation, a_temporary_failure_is_not_stored) {
    const auto s = client_script::plain();
    data_negotiation n;
    ASSERT_TRUE(n.start(s));
    ASSERT_TRUE(n.fail(s, error{errc::rejected, 0, "425"}, false));
    ASSERT_TRUE(n.start(s));
    EXPECT_EQ(n.method(), data_method::epsv);
}

TEST(data_negotiation, only_a_silent_EPSV_before_PASV_is_skipped) {
    auto s = client_script::plain();
    data_negotiation n;
    ASSERT_TRUE(n.start(s));
    EXPECT_TRUE(n.can_skip_silent_epsv(s));
    s.methods = {data_method::epsv, data_method::eprt};
    data_negotiation without;
    ASSERT_TRUE(without.start(s));
    EXPECT_FALSE(without.can_skip_silent_epsv(s));
}

}  // namespace
}  // namespace sallyport::proto
