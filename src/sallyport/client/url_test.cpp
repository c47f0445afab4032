#include <sallyport/client/url.hpp>

#include <gtest/gtest.h>

namespace sallyport::client {
namespace {

url parsed(std::string_view text) {
    auto u = url::parse(text);
    EXPECT_TRUE(u.has_value()) << text << ": " << (u ? "" : u.error().text());
    return u.value_or(url{});
}

TEST(url, schemes_choose_TLS_and_port) {
    EXPECT_EQ(parsed("ftp://h/x").tls, tls_mode::none);
    EXPECT_EQ(parsed("ftp://h/x").port, 21);
    EXPECT_EQ(parsed("ftps://h/x").tls, tls_mode::implicit);
    EXPECT_EQ(parsed("ftps://h/x").port, 990);
    for (const auto* text : {"ftpes://h/x", "ftp+tls://h/x", "FTP+TLS://h/x", "ftps+explicit://h/x"}) {
        EXPECT_EQ(parsed(text).tls, tls_mode::explicit_) << text;
        EXPECT_EQ(parsed(text).port, 21) << text;
    }
}

TEST(url, parts_are_decoded) {
    const auto u = parsed("ftp://bob%40x:p%3Aw%2F@example.org:2121/a%20b/c%23d");
    EXPECT_EQ(u.user, "bob@x");
    EXPECT_EQ(u.password, "p:w/");
    EXPECT_EQ(u.host, "example.org");
    EXPECT_EQ(u.port, 2121);
    EXPECT_EQ(u.path, "a b/c#d");
    EXPECT_EQ(u.file_name(), "c#d");
}

TEST(url, no_user_and_no_password_differ_from_empty_ones) {
    EXPECT_EQ(parsed("ftp://h/").user, std::nullopt);
    EXPECT_EQ(parsed("ftp://bob@h/").password, std::nullopt);
    EXPECT_EQ(parsed("ftp://bob:@h/").password, "");
}

TEST(url, what_people_type_is_taken_literally) {
    const auto u = parsed("ftp://bob:p@ss#1@h/my file (1) ünder#2?.txt");
    EXPECT_EQ(u.user, "bob");
    EXPECT_EQ(u.password, "p@ss#1");
    EXPECT_EQ(u.path, "my file (1) ünder#2?.txt");
}

TEST(url, paths_are_relative_to_the_login_directory) {
    EXPECT_EQ(parsed("ftp://h").path, "");
    EXPECT_EQ(parsed("ftp://h/").path, "");
    EXPECT_EQ(parsed("ftp://h/a/b").path, "a/b");
    EXPECT_EQ(parsed("ftp://h//etc/motd").path, "/etc/motd");
    EXPECT_EQ(parsed("ftp://h/%2Fetc/motd").path, "/etc/motd");
    EXPECT_EQ(parsed("ftp://h/dir/").file_name(), "");
}

TEST(url, IPv6_literals) {
    const auto u = parsed("ftp://[2001:db8::1]:2121/x");
    EXPECT_EQ(u.host, "2001:db8::1");
    EXPECT_EQ(u.authority(), "[2001:db8::1]:2121");
    EXPECT_EQ(u.text(), "ftp://[2001:db8::1]:2121/x");
}

TEST(url, link_local_addresses_name_their_interface) {
    for (const auto* text : {"ftp://[fe80::1%25eth0]/", "ftp://[fe80::1%eth0]", "ftp://ann@[fe80::1%25eth0]:21/"}) {
        const auto u = parsed(text);
        EXPECT_EQ(u.host, "fe80::1%eth0") << text;
        EXPECT_EQ(u.port, 21) << text;
        EXPECT_EQ(u.authority(), "[fe80::1%eth0]:21") << text;
        EXPECT_EQ(parsed(u.text()).host, u.host) << u.text();
    }
    EXPECT_EQ(parsed("ftp://[fe80::1%25eth0]:2121/x").text(), "ftp://[fe80::1%25eth0]:2121/x");
    EXPECT_EQ(parsed("ftp://[fe80::1%253]/").host, "fe80::1%3");
    EXPECT_EQ(parsed("ftp://[fe80::1%25]/").host, "fe80::1%25");
    EXPECT_EQ(parsed("ftp://[fe80::1%25br-lan.5]/").host, "fe80::1%br-lan.5");
    EXPECT_EQ(parsed("ftp://[::1]/a%25b").path, "a%b");
    for (const auto* text : {"ftp://[fe80::1%]/", "ftp://[fe80::1%25e%0ath]/", "ftp://[fe80::1%25a b]/", "ftp://[%25eth0]/",
                             "ftp://[fe80::1%25eth0/", "ftp://[x%25eth0]/"})
        EXPECT_FALSE(url::parse(text).has_value()) << text;
}

TEST(url, a_type_may_stand_at_the_end) {
    EXPECT_TRUE(parsed("ftp://h/x;type=a").ascii);
    EXPECT_TRUE(parsed("ftp://h/x;TYPE=A").ascii);
    EXPECT_FALSE(parsed("ftp://h/x;type=i").ascii);
    EXPECT_EQ(parsed("ftp://h/x;type=a").path, "x");
    EXPECT_EQ(parsed("ftp://h/x%3Btype=a").path, "x;type=a");
    EXPECT_EQ(url::parse("ftp://h/x;type=d").error().code, errc::unsupported);
}

// CVE-2004-1166 CVE-2017-3533 CVE-2018-1000120 CVE-2026-39983 CVE-2026-126346.
TEST(url, CL_02_line_breaks_are_refused_everywhere) {
    for (const auto* text : {"ftp://h/a%0d%0aDELE b", "ftp://h/a%0ab", "ftp://h/a%00b", "ftp://u%0a@h/", "ftp://u:p%0d@h/",
                             "ftp://h/a\nb", "ftp://h%0a/"})
        EXPECT_FALSE(url::parse(text).has_value()) << text;
    EXPECT_EQ(parsed("ftp://h/a%250d%250ab").path, "a%0d%0ab");  // decoded once, not twice
    EXPECT_EQ(parsed("ftp://h/\xc4\x8a").path, "\xc4\x8a");      // U+010A
}

TEST(url, nonsense_is_refused) {
    for (const auto* text : {"", "h/x", "http://h/x", "ftp:/h/x", "ftp:///x", "ftp://h:0/", "ftp://h:65536/", "ftp://h:x/",
                             "ftp://h/%zz", "ftp://[::1/x", "ftp://a b/", "ftp://a%20b/", "ftp://a%3Ab/", "ftp://a%2Fb/"})
        EXPECT_FALSE(url::parse(text).has_value()) << text;
}

TEST(url, its_text_can_be_pasted_and_holds_no_password) {
    for (const auto* text : {"ftp://h/", "ftps://bob@h/a%20b", "ftpes://h:2121//etc/motd", "ftp://h/100%25;type=a"})
        EXPECT_EQ(parsed(text).text(), text);
    EXPECT_EQ(parsed("ftp://bob:secret@h/x").text(), "ftp://bob@h/x");
    for (const auto* text : {"ftp://h/x%3Btype=a", "ftp://h/x;type=i;1;type=i", "ftp://h%C3%A9/", "ftp://h/x;1"}) {
        const auto u = parsed(text);
        EXPECT_EQ(parsed(u.text()).path, u.path) << u.text();
        EXPECT_EQ(parsed(u.text()).host, u.host) << u.text();
        EXPECT_FALSE(parsed(u.text()).ascii) << u.text();
    }
}

}  // namespace
}  // namespace sallyport::client
