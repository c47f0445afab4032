#include <sallyport/cli/users.hpp>

#include <cstdio>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

namespace sallyport::cli {
namespace {

TEST(Users, PasswordsMayHoldColons) {
    const auto user = parse_user("--reader", "bob:a:b", server::right_set::read_only());
    ASSERT_TRUE(user);
    EXPECT_EQ(user->who.name, "bob");
    EXPECT_EQ(user->password, "a:b");
    EXPECT_EQ(user->who.rights, server::right_set::read_only());
}

TEST(Users, MistakesAreNamedWithoutThePassword) {
    for (const char* bad : {"bob", "bob:", ":secret", "", "anonymous:secret", "FTP:secret", "bob:$6$secret$secret",
                            "bob:{SHA}secret", "bob:$argon2id$secret", "bob:!$secret", "bob:@", "bob:@/nowhere/at/all"}) {
        const auto user = parse_user("--user", bad, server::right_set::all());
        ASSERT_FALSE(user) << bad;
        EXPECT_EQ(user.error().code, errc::usage);
        EXPECT_TRUE(user.error().what.starts_with("--user '")) << user.error().what;
        EXPECT_EQ(user.error().text().find("secret"), std::string::npos) << user.error().text();
        EXPECT_EQ(user.error().text().find('\n'), std::string::npos);
    }
}

TEST(Users, ALockedAccountIsNoPassword) {  // AU-04
    for (const char* bad : {"*", "!", "!!", "x", "*LK*"})
        EXPECT_FALSE(parse_user("--user", std::string("bob:") + bad, server::right_set::all()));
    const auto meant = parse_user("--user", "bob:plain:*", server::right_set::all());
    ASSERT_TRUE(meant);
    EXPECT_EQ(meant->password, "plain:*");
}

TEST(Users, ANameComesOnce) {
    EXPECT_TRUE(parse_users({"a:1", "b:2"}, {"c:3"}));
    for (const auto& [users, readers] : std::vector<std::pair<std::vector<std::string>, std::vector<std::string>>>{
             {{"a:1", "a:2"}, {}}, {{}, {"a:1", "b:2", "a:1"}}, {{"a:1"}, {"a:2"}}}) {
        const auto all = parse_users(users, readers);
        ASSERT_FALSE(all);
        EXPECT_NE(all.error().what.find("'a': this name is given twice"), std::string::npos) << all.error().what;
    }
}

TEST(Users, ASecretCanStandInAFile) {
    const std::string file = testing::TempDir() + "sallyport_secret_" + std::to_string(getpid());
    const auto with = [&](const std::string& content) {
        std::ofstream(file) << content;
        return parse_user("--user", "bob:@" + file, server::right_set::all());
    };
    EXPECT_EQ(with("pass word\r\nmore\n")->password, "pass word");
    EXPECT_EQ(with("pass").value().password, "pass");
    EXPECT_FALSE(with(""));
    EXPECT_FALSE(with("\nsecond\n"));
    EXPECT_FALSE(with("*\n"));
    EXPECT_FALSE(with(std::string("a\0b\n", 4)));
    EXPECT_EQ(secret_files({"a:b", "bob:@" + file, "c:@"}), (std::vector<std::string>{file, ""}));
    std::remove(file.c_str());
    EXPECT_EQ(parse_user("--user", "bob:plain:@" + file, server::right_set::all())->password, "plain:@" + file);
}

}  // namespace
}  // namespace sallyport::cli
