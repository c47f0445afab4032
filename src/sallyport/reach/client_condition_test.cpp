#include <sallyport/reach/client_condition.hpp>

#include <gtest/gtest.h>

namespace sallyport::reach {
namespace {

[[nodiscard]] visitor who(std::string_view client, std::string_view reached, bool tls) {
    return {*ip_address::parse(client), *endpoint::parse(reached), tls};
}

TEST(ClientCondition, HoldsWhereAllOfItDoes) {
    const auto both = client_condition::parse("10.0.0.0/8,:990");
    ASSERT_TRUE(both) << both.error().text();
    EXPECT_TRUE(both->holds_for(who("10.1.2.3", "192.0.2.1:990", true)));
    EXPECT_FALSE(both->holds_for(who("10.1.2.3", "192.0.2.1:21", true)));
    EXPECT_FALSE(both->holds_for(who("11.1.2.3", "192.0.2.1:990", true)));
    const auto listener = client_condition::parse("192.0.2.1:21,plain");
    ASSERT_TRUE(listener);
    EXPECT_TRUE(listener->holds_for(who("::1", "192.0.2.1:21", false)));
    EXPECT_FALSE(listener->holds_for(who("::1", "192.0.2.2:21", false)));
    EXPECT_FALSE(listener->holds_for(who("::1", "192.0.2.1:21", true)));
    EXPECT_FALSE(any_holds({}, who("10.1.2.3", "192.0.2.1:990", true)));
    EXPECT_TRUE(any_holds({*listener, *both}, who("10.1.2.3", "192.0.2.1:990", true)));
    EXPECT_TRUE(client_condition::parse("::/0")->holds_for(who("2001:db8::1", "[::1]:21", false)));
}

TEST(ClientCondition, NamesWhatIsNone) {
    for (const auto* text : {"", "x", "10.0.0.0/8,", ",tls", "10.0.0.1/8", "tls,plain", ":990,:991", "10.0.0.0/8,10.0.0.0/8",
                             "tls ", "0.0.0.0/0;tls"}) {
        const auto parsed = client_condition::parse(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_NE(parsed.error().what.find("is no condition"), std::string::npos);
    }
}

}  // namespace
}  // namespace sallyport::reach
