#include <sallyport/client/proxy.hpp>

#include <gtest/gtest.h>

namespace sallyport::client {
namespace {

TEST(Proxy, ReadsTheUrl) {
    const auto socks = proxy_server::parse("socks5://jo:s%40fe@proxy.example.org");
    ASSERT_TRUE(socks);
    EXPECT_EQ(socks->kind, proxy_kind::socks5);
    EXPECT_EQ(socks->host, "proxy.example.org");
    EXPECT_EQ(socks->port, 1080);
    EXPECT_EQ(socks->user, "jo");
    EXPECT_EQ(socks->password, "s@fe");
    EXPECT_EQ(socks->text(), "socks5://proxy.example.org:1080");
    EXPECT_EQ(proxy_server::parse("SOCKS5H://[2001:db8::1]:9050/")->text(), "socks5://[2001:db8::1]:9050");
    EXPECT_EQ(proxy_server::parse("http://10.0.0.1:3128")->text(), "http://10.0.0.1:3128");
    // As in ALL_PROXY.
    EXPECT_EQ(proxy_server::parse("proxy:21")->text(), "http://proxy:21");
}

TEST(Proxy, RefusesOtherUrlsWithoutTheirPassword) {
    for (const auto* text : {"", "socks5://", "http://proxy", "http://[::1]", "https://p:1", "socks4://p:1", "socks5://p:0",
                             "socks5://p:1/path", "socks5://p:1/;type=a", "socks5://u:hidden@p:x",
                             "socks5://u%3A:hidden@p:1", "socks5://u:hidden%0D@p:1", "socks5://u:hidden@"}) {
        const auto parsed = proxy_server::parse(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().code, errc::usage) << text;
        EXPECT_EQ(parsed.error().what.find("hidden"), std::string::npos) << parsed.error().what;
    }
    EXPECT_FALSE(proxy_server::parse("socks5://u:" + std::string(256, 'x') + "@p:1"));
}

TEST(Proxy, ExceptsHostsOfAList) {
    constexpr std::string_view list = "localhost, .corp.example,EXAMPLE.net 10.0.0.0/8,[2001:db8::1],192.0.2.7";
    for (const auto* host : {"localhost", "corp.example", "ftp.corp.example", "a.example.NET", "example.net.", "10.9.8.7",
                             "2001:db8::1", "192.0.2.7"})
        EXPECT_TRUE(is_excepted(list, host)) << host;
    for (const auto* host : {"host", "mycorp.example", "example.org", "net", "11.0.0.1", "2001:db8::2", "192.0.2.77", ""})
        EXPECT_FALSE(is_excepted(list, host)) << host;
    EXPECT_TRUE(is_excepted("*", "any.example"));
    EXPECT_TRUE(is_excepted("a,*", "192.0.2.1"));
    EXPECT_FALSE(is_excepted("", "any.example"));
    EXPECT_FALSE(is_excepted(".,,", "any.example"));
}

}  // namespace
}  // namespace sallyport::client
