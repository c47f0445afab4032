#include <sallyport/net/net_test.hpp>

namespace sallyport::net {
namespace {

class resolve_test : public net_test {};

TEST_F(resolve_test, takes_literals_as_they_are) {
    for (const auto* literal : {"192.0.2.7", "2001:db8::7"}) {
        const auto found = run(resolve(test_loop(), literal, soon()));
        ASSERT_TRUE(found);
        EXPECT_EQ(*found, std::vector{*ip_address::parse(literal)});
    }
}

TEST_F(resolve_test, finds_a_host) {
    const auto found = run(resolve(test_loop(), "localhost", soon()));
    ASSERT_TRUE(found);
    EXPECT_TRUE(found->front().is_loopback());
}

TEST_F(resolve_test, names_the_host_that_has_no_address) {
    const auto found = run(resolve(test_loop(), "nowhere.invalid", soon()));
    ASSERT_FALSE(found);
    EXPECT_NE(found.error().what.find("nowhere.invalid"), std::string::npos);
}

TEST_F(resolve_test, times_out) {
    const auto found = run(resolve(test_loop(), "nowhere.invalid", time_limit::within(-1s)));
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, errc::timeout);
}

}  // namespace
}  // namespace sallyport::net
