#include <sallyport/reach/client_condition.hpp>

#include <gtest/gtest.h>

namespace sallyport::reach {
namespace {

[[nodiscard]] client_info make_client(std::string_view client, std::string_view client_destination, bool tls) {
    return {*ip_address::parse(client), *endpoint::parse(client_destination), tls};
}

TEST(ClientCondition, MatchesIfAllConditionsMatch) {
    const auto both = client_condition::parse("10.0.0.0/8,:990");
    ASSERT_TRUE(both) << both.error().text();
    EXPECT_TRUE(both->matches(make_client("10.1.2.3", "192.0.2.1:990", true)));
    EXPECT_FALSE(both->matches(make_client("10.1.2.3", "192.0.2.1:21", true)));
    EXPECT_FALSE(both->matches(make_client("11.1.2.3", "192.0.2.1:990", true)));
    const auto listener = client_condition::parse("192.0.2.1:21,plain");
    ASSERT_TRUE(listener);
    EXPECT_TRUE(listener->matches(make_client("::1", "192.0.2.1:21", false)));
    EXPECT_FALSE(listener->matches(make_client("::1", "192.0.2.2:21", false)));
    EXPECT_FALSE(listener->matches(make_client("::1", "192.0.2.1:21", true)));
    EXPECT_FALSE(any_matches({}, make_client("10.1.2.3", "192.0.2.1:990", true)));
    EXPECT_TRUE(any_matches({*listener, *both}, make_client("10.1.2.3", "192.0.2.1:990", true)));
    EXPECT_TRUE(client_condition::parse("::/0")->matches(make_client("2001:db8::1", "[::1]:21", false)));
}

TEST(ClientCondition, NamesTheInvalidCondition) {
    for (const auto* text : {"", "x", "10.0.0.0/8,", ",tls", "10.0.0.1/8", "tls,plain", ":990,:991", "10.0.0.0/8,10.0.0.0/8",
                             "tls ", "0.0.0.0/0;tls"}) {
        const auto parsed = client_condition::parse(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_NE(parsed.error().what.find("is not a valid condition"), std::string::npos);
    }
}

}  // namespace
}  // namespace sallyport::reach
