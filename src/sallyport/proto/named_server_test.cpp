// The server in a USER, OPEN or SITE of a client of a forward proxy.

#include <gtest/gtest.h>

#include <sallyport/proto/named_server.hpp>

namespace sallyport::proto {
namespace {

std::string read(std::string_view text) {
    const auto server = named_server::parse(text);
    return server ? server->host + ' ' + std::to_string(server->port) : "malformed";
}

std::string split(std::string_view text) {
    const auto login = split_login(text);
    if (!login) return "malformed";
    return *login ? (*login)->user + ' ' + (*login)->server.text() : "none";
}

TEST(NamedServer, ReadsAllForms) {
    EXPECT_EQ(read("ftp.example.org"), "ftp.example.org 0");
    EXPECT_EQ(read("FTP.Example.ORG."), "ftp.example.org 0");
    EXPECT_EQ(read("ftp.example.org:2121"), "ftp.example.org 2121");
    EXPECT_EQ(read("ftp.example.org  2121 "), "ftp.example.org 2121");
    EXPECT_EQ(read("192.0.2.1:21"), "192.0.2.1 21");
    EXPECT_EQ(read("[2001:DB8::1]"), "2001:db8::1 0");
    EXPECT_EQ(read("[2001:db8::1]:65535"), "2001:db8::1 65535");
    EXPECT_EQ(read("[2001:db8::1] 21"), "2001:db8::1 21");
    EXPECT_EQ(read("2001:db8::1 21"), "2001:db8::1 21");
}

TEST(NamedServer, AnIpv4AddressHasOneForm) { EXPECT_EQ(read("[::ffff:127.0.0.1]:21"), "127.0.0.1 21"); }

TEST(NamedServer, RefusesWhatNamesNoServer) {
    for (const std::string_view text : {"",
                                        " ",
                                        ".",
                                        ".example.org",
                                        "-x",
                                        "a b c",
                                        "a:b",
                                        "a:0",
                                        "a:65536",
                                        "a:",
                                        "a 21x",
                                        "a:21 21",
                                        "2001:db8::1",
                                        "[2001:db8::1",
                                        "[2001:db8::1]21",
                                        "[2001:db8::1]:21 21",
                                        "[ftp.example.org]",
                                        "ftp/x",
                                        "a@b",
                                        "a#b",
                                        "a%b",
                                        "\xc3\xa4.example"})
        EXPECT_EQ(read(text), "malformed") << text;
    EXPECT_EQ(read(std::string(254, 'a')), "malformed");
}

TEST(NamedServer, SplitsALogin) {
    EXPECT_EQ(split("anna"), "none");
    EXPECT_EQ(split("anna@ftp.example.org"), "anna ftp.example.org");
    EXPECT_EQ(split("anna@ftp.example.org:2121"), "anna ftp.example.org:2121");
    EXPECT_EQ(split("anna#ftp.example.org"), "anna ftp.example.org");
    EXPECT_EQ(split("anna@[2001:db8::1]:21"), "anna [2001:db8::1]:21");
    EXPECT_EQ(split("anna@example.net@ftp.example.org"), "anna@example.net ftp.example.org");
    EXPECT_EQ(split("anna@example.net#ftp.example.org"), "anna@example.net ftp.example.org");
    EXPECT_EQ(split("a nna@ftp.example.org 21"), "a nna ftp.example.org:21");
    for (const std::string_view text : {"@ftp.example.org", "anna@", "anna@#", "@", "anna@ftp.example.org/x"})
        EXPECT_EQ(split(text), "malformed") << text;
}

}  // namespace
}  // namespace sallyport::proto
