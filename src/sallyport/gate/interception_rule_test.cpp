// The value of --intercept: which connections are taken, and what is refused.

#include <sallyport/gate/interception_rule.hpp>

#include <gtest/gtest.h>

namespace sallyport::gate {
namespace {

TEST(InterceptionRule, TakesPort21OfAllServersByDefault) {
    const auto rule = interception_rule::parse("lan0");
    ASSERT_TRUE(rule) << rule.error().text();
    EXPECT_EQ(rule->connections, (firewall::interception{.interfaces = {"lan0"}}));
    EXPECT_EQ(rule->tls, intercepted_tls::pass);
    EXPECT_FALSE(rule->is_implicit(21));
}

TEST(InterceptionRule, ReadsEveryTerm) {
    const auto rule = interception_rule::parse(
        "lan0,vlan*?ports=21,2121&implicit=990&from=192.168.0.0/16&to=203.0.113.0/"
        "24,198.51.100.7&except=203.0.113.9&tls=end");
    ASSERT_TRUE(rule) << rule.error().text();
    const auto& c = rule->connections;
    EXPECT_EQ(c.interfaces, (std::vector<std::string>{"lan0", "vlan*"}));
    EXPECT_EQ(c.ports, (std::vector<std::uint16_t>{21, 2121}));
    EXPECT_EQ(c.from, std::vector{*ip_network::parse("192.168.0.0/16")});
    EXPECT_EQ(c.to, (std::vector{*ip_network::parse("203.0.113.0/24"), *ip_network::parse("198.51.100.7")}));
    EXPECT_EQ(c.except, std::vector{*ip_network::parse("203.0.113.9")});
    EXPECT_EQ(rule->tls, intercepted_tls::end);
    EXPECT_TRUE(rule->is_implicit(990));
}

TEST(InterceptionRule, NamesTheFaultAndTheNextStep) {
    const auto error_of = [](std::string_view text) {
        const auto rule = interception_rule::parse(text);
        return rule ? std::string() : rule.error().text();
    };
    EXPECT_NE(error_of("").find("no interface is named"), std::string::npos);
    EXPECT_NE(error_of("lan0,").find("is not the name of an interface"), std::string::npos);
    EXPECT_NE(error_of("lan0?port=21").find("unknown term \"port\"; did you mean"), std::string::npos)
        << error_of("lan0?port=21");
    EXPECT_NE(error_of("lan0?ports=0").find("invalid term \"ports=0\"; use ports=N,N"), std::string::npos);
    EXPECT_NE(error_of("lan0?ports=21,").find("invalid term"), std::string::npos);
    EXPECT_NE(error_of("lan0?from=10.0.0.1/8").find("invalid term"), std::string::npos);
    EXPECT_NE(error_of("lan0?tls=match").find("pass|end|refuse"), std::string::npos);
    EXPECT_NE(error_of("lan0?tls").find("pass|end|refuse"), std::string::npos);
    EXPECT_NE(error_of("lan0?implicit=21").find("port 21 is in ports= and in implicit="), std::string::npos);
    EXPECT_NE(error_of("lan0?implicit=990&tls=refuse").find("remove one of the two"), std::string::npos);
}

}  // namespace
}  // namespace sallyport::gate
