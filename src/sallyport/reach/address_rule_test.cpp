#include <sallyport/reach/address_rule.hpp>

#include <algorithm>

#include <gtest/gtest.h>

namespace sallyport::reach {
namespace {

const visitor outside{*ip_address::parse("198.51.100.7"), *endpoint::parse("192.0.2.1:21"), false};
const visitor inside{*ip_address::parse("10.1.2.3"), *endpoint::parse("10.0.0.5:21"), false};

/// The address that the rules have for somebody; "-" where none holds.
std::string told(const std::vector<std::string>& texts, const visitor& to) {
    std::vector<address_rule> rules;
    for (const auto& text : texts) {
        auto one = address_rule::parse(text);
        if (!one) return one.error().text();
        rules.push_back(std::move(*one));
    }
    rules = by_precedence(std::move(rules));
    const auto found = std::ranges::find_if(rules, [&](const address_rule& r) { return r.holds_for(to); });
    if (found == rules.end()) return "-";
    return found->address.empty() ? "reached" : found->address;
}

visitor by_tls(visitor v) {
    v.tls = true;
    return v;
}

// S3: an address alone is everybody's.
TEST(AddressRule, WithoutConditionsHoldsForAll) {
    EXPECT_EQ(told({"203.0.113.7"}, outside), "203.0.113.7");
    EXPECT_EQ(told({"ftp.example.org"}, inside), "ftp.example.org");
    EXPECT_EQ(told({"client-destination"}, inside), "reached");
    EXPECT_EQ(told({}, inside), "-");
}

// S3: by client network, the longest prefix first, in whatever order they stand.
TEST(AddressRule, TheLongestNetworkOfTheClientCounts) {
    const std::vector<std::string> rules{"203.0.113.7", "10.0.0.0/8=10.0.0.5", "10.1.0.0/16=client-destination",
                                         "2001:db8::/32=192.0.2.9"};
    EXPECT_EQ(told(rules, outside), "203.0.113.7");
    EXPECT_EQ(told(rules, inside), "reached");
    EXPECT_EQ(told(rules, {*ip_address::parse("10.2.0.1"), outside.reached, false}), "10.0.0.5");
    EXPECT_EQ(told(rules, {*ip_address::parse("2001:db8::1"), outside.reached, false}), "192.0.2.9");
}

// S3: by TLS state and by listener.
TEST(AddressRule, HoldsByTlsAndByWhereTheClientConnected) {
    const std::vector<std::string> rules{"203.0.113.7", "tls=203.0.113.8", ":990=203.0.113.9",
                                         "192.0.2.1:2121,plain=client-destination"};
    EXPECT_EQ(told(rules, outside), "203.0.113.7");
    EXPECT_EQ(told(rules, by_tls(outside)), "203.0.113.8");
    EXPECT_EQ(told(rules, {outside.client, *endpoint::parse("192.0.2.1:990"), false}), "203.0.113.9");
    EXPECT_EQ(told(rules, {outside.client, *endpoint::parse("192.0.2.1:2121"), false}), "reached");
    EXPECT_EQ(told(rules, {outside.client, *endpoint::parse("192.0.2.2:2121"), false}), "203.0.113.7");
}

TEST(AddressRule, MoreConditionsComeBeforeFewerAndTheFirstOfEquals) {
    EXPECT_EQ(told({"10.0.0.0/8=1.1.1.1", "10.0.0.0/8,tls=2.2.2.2"}, by_tls(inside)), "2.2.2.2");
    EXPECT_EQ(told({"tls=1.1.1.1", ":21=2.2.2.2"}, by_tls(inside)), "1.1.1.1");
    EXPECT_EQ(told({"10.0.0.0/8=1.1.1.1", ":21,tls=2.2.2.2"}, by_tls(inside)), "1.1.1.1");
}

TEST(AddressRule, WhatCannotBeMeantIsRefused) {
    for (const auto* text : {"", "=", "10.0.0.0/8=", "=203.0.113.7", "10.0.0.1/8=203.0.113.7", "tsl=203.0.113.7",
                             "tls,plain=203.0.113.7", "10.0.0.0/8,11.0.0.0/8=203.0.113.7", "tls,=203.0.113.7", "2001:db8::1",
                             "tls=2001:db8::1", "203.0.113.7:21", "a b"})
        EXPECT_FALSE(address_rule::parse(text)) << text;
}

}  // namespace
}  // namespace sallyport::reach
