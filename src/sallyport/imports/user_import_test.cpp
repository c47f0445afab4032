#include <sallyport/imports/user_import.hpp>

#include <gtest/gtest.h>

namespace sallyport::imports {
namespace {

constexpr auto hash = "$1$saltsalt$9xy1btjgzLYfb7hivXtC//";

std::string line(std::string_view before, std::string_view after = "") {
    return std::string(before) + hash + std::string(after) + "\n";
}

TEST(user_import, lines_of_four_programs) {
    const auto got =
        import_users("# accounts\n\n" + line("web:") + line("pro:", ":1000:1000:,,,:/srv/pro:/bin/false") +
                     line("sys:", ":19000:0:99999:7::22280:") +
                     line("pure:", ":1001:1001::/srv/pure/./:2048:4096:0:0:3:10:1000:::192.0.2.0/24::0800-1800"));
    ASSERT_TRUE(got) << got.error().text();
    ASSERT_EQ(got->users.size(), 4U);
    EXPECT_FALSE(got->has_losses);
    const auto settings = [&](std::size_t i) { return got->users[i].settings; };
    EXPECT_EQ(got->users[0].password, hash);
    EXPECT_EQ(settings(0), "");
    EXPECT_EQ(settings(1), "home = \"/srv/pro\"\n");
    EXPECT_EQ(settings(2), "expires = 2031-01-01\n");
    EXPECT_EQ(settings(3),
              "home = \"/srv/pure\"\nupload-rate = 2048\ndownload-rate = 4096\nmax-sessions = 3\nquota-files = 10\n"
              "quota-bytes = 1000\nallow-from = [\"192.0.2.0/24\"]\nhours = [\"08:00-18:00\"]\n");
    EXPECT_EQ(got->report[1], "pro: taken over; without user and group ID, shell");
}

TEST(user_import, what_cannot_be_taken_over_is_reported) {
    const auto got = import_users("a:!:1::::::\nb:*:1::::::\nc::1::::::\nd:$apr1$saltsalt$aaaaaaaaaaaaaaaaaaaaaa\n");
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_TRUE(got->users.empty());
    EXPECT_EQ(got->report[0], "a: left out: it is locked");
    EXPECT_EQ(got->report[2], "c: left out: it has no password");
    EXPECT_TRUE(got->report[3].starts_with("d: left out: this type of hash is not supported")) << got->report[3];
    EXPECT_TRUE(got->has_losses);
    EXPECT_FALSE(import_users("a:!:1::::::\n")->has_losses) << "it could not log in before either";
    EXPECT_TRUE(import_users("a:rEK1ecacw.7.c\n")->has_losses) << "an old hash must not become a password";
    const auto ratio = import_users(line("p:", ":1:1::/x:0:0:1:5:0:0:0:::::"));
    EXPECT_TRUE(ratio->has_losses);
    EXPECT_EQ(ratio->report[0], "p: taken over; without user and group ID; LESS SAFE without ratio");
}

TEST(user_import, a_line_that_is_not_understood_is_an_error) {
    const auto failure = [](const std::string& text) {
        const auto got = import_users(text);
        return got ? "none" : got.error().text();
    };
    EXPECT_TRUE(failure(line("a:") + "b\n").starts_with("line 2: has 1 fields;")) << failure(line("a:") + "b\n");
    EXPECT_NE(failure(line("a:") + line("a:")).find("line 2: 'a' is there twice"), std::string::npos);
    EXPECT_NE(failure(line(":")).find("has no name"), std::string::npos);
    EXPECT_NE(failure(line("p:", ":1:1::/x:0:0:0:0:0:0:0:::example.org::")).find("is no network"), std::string::npos);
    EXPECT_NE(failure(line("p:", ":1:1::/x:fast:0:0:0:0:0:0:::::")).find("line 1: upload-rate: 'fast' is no number"),
              std::string::npos);
    EXPECT_TRUE(import_users(line("p:", ":1:1::/x:0:0:0:0:0:0:0:::::2500-0900"))->has_losses) << "no hours";
}

}  // namespace
}  // namespace sallyport::imports
