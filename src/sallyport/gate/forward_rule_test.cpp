// Which servers a forward proxy permits.

#include <gtest/gtest.h>

#include <sallyport/gate/forward_rule.hpp>

namespace sallyport::gate {
namespace {

[[nodiscard]] ip_address address(std::string_view text) { return *ip_address::parse(text); }

[[nodiscard]] forward_rule rule(std::string_view text) {
    const auto parsed = parse_forward_rule(text);
    EXPECT_TRUE(parsed) << text << ": " << parsed.error().what;
    return parsed.value_or(forward_rule());
}

class ForwardRule : public ::testing::Test {
protected:
    /// What a client gets that names `server`, whose name has these addresses: the backend with its addresses, or "refused".
    [[nodiscard]] std::string of(std::string_view server, std::vector<std::string_view> found = {}) {
        const auto named = proto::named_server::parse(server);
        EXPECT_TRUE(named) << server;
        std::vector<ip_address> addresses;
        for (const auto each : found) addresses.push_back(address(each));
        if (const auto literal = ip_address::parse(named->host)) addresses = {*literal};
        const auto to = permit(rules, *named, addresses, machine);
        if (!to) {
            reason = to.error();
            return "refused";
        }
        EXPECT_TRUE(may_permit(rules, *named)) << "it is not looked up";
        auto out = to->text();
        for (const auto& each : to->addresses) out += ' ' + each.text();
        return out;
    }

    std::vector<forward_rule> rules;
    const std::vector<ip_address> machine{address("192.0.2.1"), address("2001:db8::1"), address("fe80::1%3")};
    std::string reason;
};

TEST_F(ForwardRule, WithoutARuleNothingIsPermitted) {
    EXPECT_EQ(of("192.0.2.7"), "refused");
    EXPECT_EQ(reason, "no --forward-to permits it");
    EXPECT_FALSE(may_permit(rules, {"ftp.example.org", 0}));
}

TEST_F(ForwardRule, ANetworkPermitsItsAddressesOnThePort) {
    rules = {rule("192.0.2.0/24")};
    EXPECT_EQ(of("192.0.2.7"), "ftp://192.0.2.7:21 192.0.2.7");
    EXPECT_EQ(of("192.0.2.7:22"), "refused");
    EXPECT_EQ(of("192.0.3.7"), "refused");
    EXPECT_EQ(of("ftp.example.org", {"192.0.2.7"}), "ftp://ftp.example.org:21 192.0.2.7");
    EXPECT_EQ(of("ftp.example.org", {"198.51.100.1"}), "refused");
    EXPECT_EQ(of("ftp.example.org", {"198.51.100.1", "192.0.2.8"}), "ftp://ftp.example.org:21 192.0.2.8");
    EXPECT_EQ(of("ftp.example.org"), "refused");
}

TEST_F(ForwardRule, PortsAreAListOfRanges) {
    rules = {rule("192.0.2.0/24:2121,3000-3010"), rule("[2001:db8::/32]:2121")};
    EXPECT_EQ(of("192.0.2.7"), "refused") << "port 21 is not in the list";
    EXPECT_EQ(of("192.0.2.7:2121"), "ftp://192.0.2.7:2121 192.0.2.7");
    EXPECT_EQ(of("192.0.2.7:3010"), "ftp://192.0.2.7:3010 192.0.2.7");
    EXPECT_EQ(of("[2001:db8::7]:2121"), "ftp://[2001:db8::7]:2121 2001:db8::7");
}

TEST_F(ForwardRule, ANamePermitsItselfAndAWildcardWhatIsBelow) {
    rules = {rule("FTP.Example.org"), rule("*.example.net:21-22")};
    EXPECT_EQ(of("ftp.example.org.", {"198.51.100.1"}), "ftp://ftp.example.org:21 198.51.100.1");
    EXPECT_EQ(of("a.ftp.example.org", {"198.51.100.1"}), "refused");
    EXPECT_EQ(of("a.b.EXAMPLE.net:22", {"198.51.100.1"}), "ftp://a.b.example.net:22 198.51.100.1");
    EXPECT_EQ(of("example.net", {"198.51.100.1"}), "refused");
    EXPECT_EQ(of("badexample.net", {"198.51.100.1"}), "refused");
    EXPECT_EQ(of("198.51.100.1"), "refused") << "the address has no name here";
    EXPECT_FALSE(may_permit(rules, {"other.example", 0}));
}

TEST_F(ForwardRule, SomeAddressesAreNeverPermitted) {
    rules = {rule("0.0.0.0/0"), rule("::/0"), rule("*.example.org")};
    for (const auto* const each : {"127.0.0.1",
                                   "127.1.2.3",
                                   "0.0.0.0",
                                   "0.1.2.3",
                                   "169.254.169.254",
                                   "169.254.1.1",
                                   "224.0.0.1",
                                   "255.255.255.255",
                                   "100.100.100.200",
                                   "192.0.2.1",
                                   "::",
                                   "::1",
                                   "::127.0.0.1",
                                   "::ffff:127.0.0.1",
                                   "64:ff9b::7f00:1",
                                   "64:ff9b::a9fe:a9fe",
                                   "2002:7f00:1::",
                                   "2002:c000:201::",
                                   "fe80::1",
                                   "febf::1",
                                   "ff02::1",
                                   "fd00:ec2::254",
                                   "2001:db8::1"}) {
        EXPECT_EQ(of("a.example.org", {each}), "refused") << each;
        EXPECT_TRUE(reason.starts_with(address(each).text() + " is never permitted: it ")) << reason;
        EXPECT_EQ(of(std::string("[") + each + "]"), "refused") << each;
    }
    EXPECT_EQ(of("a.example.org", {"127.0.0.1", "192.0.2.7", "::1"}), "ftp://a.example.org:21 192.0.2.7");
    EXPECT_EQ(of("64:ff9b::c633:6401 21"), "ftp://[64:ff9b::c633:6401]:21 64:ff9b::c633:6401");
    EXPECT_EQ(of("10.0.0.5"), "ftp://10.0.0.5:21 10.0.0.5") << "private networks are a matter of the rules";
}

TEST_F(ForwardRule, NumbersThatAResolverTakesForAddressesAreCheckedAsAddresses) {
    rules = {rule("0.0.0.0/0")};
    EXPECT_EQ(of("2130706433", {"127.0.0.1"}), "refused");
    EXPECT_EQ(of("0x7f.1", {"127.0.0.1"}), "refused");
}

TEST_F(ForwardRule, TheFirstOneThatPermitsItSetsTls) {
    rules = {rule("ftps://192.0.2.7"), rule("ftpes://192.0.2.0/28"), rule("ftp://192.0.2.0/24?tls=match")};
    EXPECT_EQ(of("192.0.2.7"), "ftps://192.0.2.7:990 192.0.2.7");
    EXPECT_EQ(of("192.0.2.7:21"), "ftpes://192.0.2.7:21 192.0.2.7");
    EXPECT_EQ(permit(rules, {"192.0.2.99", 21}, {address("192.0.2.99")}, machine)->tls, backend_tls::match);
}

TEST(ForwardRuleText, ErrorsNameTheCause) {
    for (const auto& [text, cause] : std::vector<std::pair<std::string_view, std::string_view>>{
             {"", "neither a network nor a name"},
             {"10.0.0.1/8", "neither"},
             {"256.1.1.1", "neither"},
             {"*", "neither"},
             {"a*.example.org", "neither"},
             {"[2001:db8::/32", "neither"},
             {"http://a.example", "scheme"},
             {"ftp://a.example?weight=3", "the only parameter is tls=match"},
             {"ftpes://a.example?tls=match", "parameter is not valid"},
             {"a.example:", "the ports are not valid"},
             {"a.example:0", "the ports are not valid"},
             {"a.example:21,,22", "the ports are not valid"},
             {"a.example:22-21", "the ports are not valid"},
             {"[2001:db8::/32]21", "the ports are not valid"},
             {"a.example/x", "neither"}}) {
        const auto parsed = parse_forward_rule(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_NE(parsed.error().what.find(cause), std::string::npos) << parsed.error().what;
        EXPECT_NE(parsed.error().what.find("use NET[:PORTS] or NAME[:PORTS]"), std::string::npos);
    }
}

}  // namespace
}  // namespace sallyport::gate
