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

TEST(InterceptionRule, ConnectsToTheAddressInTheDestinationOfNat64) {
    const auto server = [](std::string_view prefix, std::string_view destination) {
        const auto rule = interception_rule::parse("lan0?nat64&to=" + std::string(prefix));
        EXPECT_TRUE(rule) << rule.error().text();
        return rule ? rule->server_of(*ip_address::parse(destination)).text() : std::string();
    };
    // The examples of RFC 6052 section 2.4.
    EXPECT_EQ(server("2001:db8::/32", "2001:db8:c000:221::"), "192.0.2.33");
    EXPECT_EQ(server("2001:db8:100::/40", "2001:db8:1c0:2:21::"), "192.0.2.33");
    EXPECT_EQ(server("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"), "192.0.2.33");
    EXPECT_EQ(server("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"), "192.0.2.33");
    EXPECT_EQ(server("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"), "192.0.2.33");
    EXPECT_EQ(server("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"), "192.0.2.33");
    EXPECT_EQ(server("64:ff9b::/96", "2001:db8::1"), "2001:db8::1") << "not in the prefix";
    EXPECT_EQ(interception_rule::parse("lan0")->server_of(*ip_address::parse("64:ff9b::1")).text(), "64:ff9b::1");
}

TEST(InterceptionRule, TranslatesNoPrivateAddressInTheWellKnownPrefix) {
    const auto refused = [](std::string_view prefix, std::string_view destination) {
        return interception_rule::parse("lan0?nat64&to=" + std::string(prefix))
            ->is_untranslatable(*ip_address::parse(destination));
    };
    for (const auto* const inner : {"10.0.0.1", "192.168.1.1", "172.16.0.1", "100.64.0.1", "127.0.0.1", "169.254.169.254"}) {
        EXPECT_TRUE(refused("64:ff9b::/96", "64:ff9b::" + std::string(inner))) << inner;
        EXPECT_FALSE(refused("2001:db8:64::/96", "2001:db8:64::" + std::string(inner))) << "a prefix of the network's own";
    }
    EXPECT_FALSE(refused("64:ff9b::/96", "64:ff9b::17.254.0.91"));
    EXPECT_FALSE(interception_rule::parse("lan0")->is_untranslatable(*ip_address::parse("64:ff9b::10.0.0.1")));
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
    EXPECT_NE(error_of("lan0?passthrough=1000-1023").find("invalid term \"passthrough=1000-1023\""), std::string::npos);
    EXPECT_NE(error_of("lan0?passthrough=50000-50009&tls=refuse").find("use tls=pass"), std::string::npos);
    EXPECT_EQ(error_of("lan0?passthrough=50000-50009&tls=end"), "") << "TLS passes where no certificate is valid";
    EXPECT_NE(error_of("lan0?passthrough=50000-50009&nat64&to=64:ff9b::/96").find("cannot be combined with nat64"),
              std::string::npos);
    EXPECT_NE(error_of("lan0?nat64").find("nat64 needs the IPv6 prefixes"), std::string::npos);
    EXPECT_NE(error_of("lan0?nat64&to=10.0.0.0/8").find("nat64 needs the IPv6 prefixes"), std::string::npos);
    EXPECT_NE(error_of("lan0?nat64&to=64:ff9b::/90").find("nat64 needs the IPv6 prefixes"), std::string::npos);
    EXPECT_NE(error_of("lan0?nat64=yes&to=64:ff9b::/96").find("invalid term \"nat64=yes\"; use nat64"), std::string::npos);
    EXPECT_NE(error_of("lan0?implicit=990&tls=refuse").find("remove one of the two"), std::string::npos);
}

}  // namespace
}  // namespace sallyport::gate
