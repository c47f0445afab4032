#include <sallyport/client/netrc.hpp>

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sallyport::client {
namespace {

constexpr auto sample = R"(# logins
machine ftp.example.org login ann password secret
machine ftp.example.org
    login bob
    password "two words"
    account dept
machine other.example.org login "#eve" password #1pass
macdef init
    cd /pub
    machine trap login no password no

default login anonymous password me@here
)";

TEST(netrc, finds_the_entry_of_a_host) {
    EXPECT_EQ(find_login(sample, "ftp.example.org", std::nullopt)->user, "ann");
    EXPECT_EQ(find_login(sample, "FTP.example.org", std::nullopt)->password, "secret");
}

TEST(netrc, finds_the_entry_of_a_user) {
    const auto bob = find_login(sample, "ftp.example.org", "bob");
    ASSERT_TRUE(bob);
    EXPECT_EQ(bob->password, "two words");
    EXPECT_EQ(bob->account, "dept");
    EXPECT_FALSE(find_login(sample, "ftp.example.org", "carl"));
}

TEST(netrc, a_hash_starts_a_comment_only_where_a_keyword_may_stand) {
    const auto eve = find_login(sample, "other.example.org", std::nullopt);
    ASSERT_TRUE(eve);
    EXPECT_EQ(eve->user, "#eve");
    EXPECT_EQ(eve->password, "#1pass");
}

TEST(netrc, the_default_serves_the_rest_and_macros_are_skipped) {
    EXPECT_EQ(find_login(sample, "trap", std::nullopt)->user, "anonymous");
    EXPECT_FALSE(find_login("machine a login b password c", "z", std::nullopt));
    EXPECT_FALSE(find_login("", "z", std::nullopt));
    EXPECT_FALSE(find_login("machine z", "z", std::nullopt));
}

TEST(netrc, an_entry_without_a_password_says_so) {
    const auto without = find_login("machine a login b\nmachine c login d password e\n", "a", std::nullopt);
    ASSERT_TRUE(without);
    EXPECT_EQ(without->user, "b");
    EXPECT_EQ(without->password, std::nullopt);
    EXPECT_EQ(find_login("machine a login b password", "a", std::nullopt)->password, std::nullopt);
    EXPECT_EQ(find_login("machine a login b password \"\"", "a", std::nullopt)->password, "");
    EXPECT_EQ(find_login("default login b", "z", "b")->password, std::nullopt);
}

/// The same text in the forms of other systems.
std::string with_cr_lf(std::string_view text) {
    std::string out = "\xef\xbb\xbf";
    for (const char c : text) out += c == '\n' ? std::string("\r\n") : std::string(1, c);
    return out;
}

TEST(netrc, files_of_other_systems_are_read) {
    const auto text = with_cr_lf(sample);
    EXPECT_EQ(find_login(text, "ftp.example.org", std::nullopt)->password, "secret");
    EXPECT_EQ(find_login(text, "ftp.example.org", "bob")->password, "two words");
    EXPECT_EQ(find_login(text, "ftp.example.org", "bob")->account, "dept");
    EXPECT_EQ(find_login(text, "other.example.org", std::nullopt)->password, "#1pass");
    EXPECT_EQ(find_login(text, "trap", std::nullopt)->user, "anonymous");  // after the macro
    EXPECT_EQ(find_login(with_cr_lf("machine a login b password c"), "a", std::nullopt)->password, "c");
}

TEST(netrc, a_macro_ends_with_an_empty_line_or_with_the_file) {
    for (const auto* text : {"macdef m\nmachine a login b\n", "macdef m", "macdef m\nmachine a login b"})
        EXPECT_FALSE(find_login(text, "a", std::nullopt)) << text;
    for (const auto* text : {"macdef m\n\nmachine a login b\n", "macdef m\nx\ny\n\nmachine a login b",
                             "macdef m\r\nx\r\n\r\nmachine a login b"})
        EXPECT_TRUE(find_login(text, "a", std::nullopt)) << text;
}

TEST(netrc, CL_06_a_file_that_others_can_read_is_refused) {
    std::string path = "/tmp/sallyport-netrc-XXXXXX";
    const int fd = ::mkstemp(path.data());
    ASSERT_GE(fd, 0);
    ASSERT_EQ(::write(fd, "machine a login b password c\n", 29), 29);
    ::close(fd);
    EXPECT_TRUE(read_netrc(path).has_value());
    ::chmod(path.c_str(), 0644);
    EXPECT_EQ(read_netrc(path).error().code, errc::permission);
    ::unlink(path.c_str());
    EXPECT_EQ(read_netrc(path), "");
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    EXPECT_EQ(read_netrc(path).error().code, errc::not_a_file);
    ::unlink(path.c_str());
}

}  // namespace
}  // namespace sallyport::client
