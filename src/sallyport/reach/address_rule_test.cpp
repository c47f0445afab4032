#include <sallyport/reach/address_rule.hpp>

#include <algorithm>

#include <gtest/gtest.h>

namespace sallyport::reach {
namespace {

const client_info outside{*ip_address::parse("198.51.100.7"), *endpoint::parse("192.0.2.1:21"), false};
const client_info inside{*ip_address::parse("10.1.2.3"), *endpoint::parse("10.0.0.5:21"), false};

/// The address that the rules select for a client, "client destination", or "-" if no rule matches.
std::string selected_address(const std::vector<std::string>& texts, const client_info& client) {
    std::vector<address_rule> rules;
    for (const auto& text : texts) {
        auto one = address_rule::parse(text);
        if (!one) return one.error().text();
        rules.push_back(std::move(*one));
    }
    rules = by_precedence(std::move(rules));
    const auto found = std::ranges::find_if(rules, [&](const address_rule& r) { return r.matches(client); });
    if (found == rules.end()) return "-";
    return found->address.empty() ? "client destination" : found->address;
}

client_info over_tls(client_info v) {
    v.tls = true;
    return v;
}

// S3: a rule without conditions applies to all clients.
TEST(AddressRule, WithoutConditionsMatchesAllClients) {
    EXPECT_EQ(selected_address({"203.0.113.7"}, outside), "203.0.113.7");
    EXPECT_EQ(selected_address({"ftp.example.org"}, inside), "ftp.example.org");
    EXPECT_EQ(selected_address({"client-destination"}, inside), "client destination");
    EXPECT_EQ(selected_address({}, inside), "-");
}

// S3: by client network; the longest prefix wins, whatever the order of the rules.
TEST(AddressRule, TheLongestMatchingNetworkWins) {
    const std::vector<std::string> rules{"203.0.113.7", "10.0.0.0/8=10.0.0.5", "10.1.0.0/16=client-destination",
                                         "2001:db8::/32=192.0.2.9"};
    EXPECT_EQ(selected_address(rules, outside), "203.0.113.7");
    EXPECT_EQ(selected_address(rules, inside), "client destination");
    EXPECT_EQ(selected_address(rules, {*ip_address::parse("10.2.0.1"), outside.client_destination, false}), "10.0.0.5");
    EXPECT_EQ(selected_address(rules, {*ip_address::parse("2001:db8::1"), outside.client_destination, false}), "192.0.2.9");
}

// S3: by TLS state and by listener.
TEST(AddressRule, MatchesByTlsAndByClientDestination) {
    const std::vector<std::string> rules{"203.0.113.7", "tls=203.0.113.8", ":990=203.0.113.9",
                                         "192.0.2.1:2121,plain=client-destination"};
    EXPECT_EQ(selected_address(rules, outside), "203.0.113.7");
    EXPECT_EQ(selected_address(rules, over_tls(outside)), "203.0.113.8");
    EXPECT_EQ(selected_address(rules, {outside.address, *endpoint::parse("192.0.2.1:990"), false}), "203.0.113.9");
    EXPECT_EQ(selected_address(rules, {outside.address, *endpoint::parse("192.0.2.1:2121"), false}), "client destination");
    EXPECT_EQ(selected_address(rules, {outside.address, *endpoint::parse("192.0.2.2:2121"), false}), "203.0.113.7");
}

TEST(AddressRule, MoreConditionsWinThenTheFirstRule) {
    EXPECT_EQ(selected_address({"10.0.0.0/8=1.1.1.1", "10.0.0.0/8,tls=2.2.2.2"}, over_tls(inside)), "2.2.2.2");
    EXPECT_EQ(selected_address({"tls=1.1.1.1", ":21=2.2.2.2"}, over_tls(inside)), "1.1.1.1");
    EXPECT_EQ(selected_address({"10.0.0.0/8=1.1.1.1", ":21,tls=2.2.2.2"}, over_tls(inside)), "1.1.1.1");
}

TEST(AddressRule, InvalidRulesAreRefused) {
    for (const auto* text : {"", "=", "10.0.0.0/8=", "=203.0.113.7", "10.0.0.1/8=203.0.113.7", "tsl=203.0.113.7",
                             "tls,plain=203.0.113.7", "10.0.0.0/8,11.0.0.0/8=203.0.113.7", "tls,=203.0.113.7", "2001:db8::1",
                             "tls=2001:db8::1", "203.0.113.7:21", "a b"})
        EXPECT_FALSE(address_rule::parse(text)) << text;
}

}  // namespace
}  // namespace sallyport::reach
