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

TEST(data_negotiation, the_wait_for_EPSV_is_shorter_before_PASV) {
    auto s = client_script::plain();
    data_negotiation n;
    ASSERT_TRUE(n.start(s));
    EXPECT_TRUE(n.pasv_can_follow(s));
    EXPECT_EQ(n.patience(s, epsv_reply_wait), epsv_reply_wait);
    EXPECT_EQ(n.patience(s, epsv_port_wait), epsv_port_wait);
    s.round_trip = std::chrono::milliseconds(600);
    EXPECT_EQ(n.patience(s, epsv_reply_wait), 4 * s.round_trip);
    s.round_trip = std::chrono::seconds(10);
    EXPECT_EQ(n.patience(s, epsv_port_wait), s.data_open);
    s.methods = {data_method::epsv, data_method::eprt};
    data_negotiation without;
    ASSERT_TRUE(without.start(s));
    EXPECT_FALSE(without.pasv_can_follow(s));
    EXPECT_EQ(without.patience(s, epsv_reply_wait), s.data_open);
}

}  // namespace
}  // namespace sallyport::proto
