#include <sallyport/cli/users.hpp>

#include <gtest/gtest.h>

namespace sallyport::cli {
namespace {

TEST(Users, PasswordsMayHoldColons) {
    const auto user = parse_user("bob:a:b", true);
    ASSERT_TRUE(user);
    EXPECT_EQ(user->name, "bob");
    EXPECT_EQ(user->password, "a:b");
    EXPECT_TRUE(user->read_only);
}

TEST(Users, MistakesAreNamedWithoutThePassword) {
    for (const char* bad : {"bob", "bob:", ":secret", "", "anonymous:secret", "FTP:secret"}) {
        const auto user = parse_user(bad, false);
        ASSERT_FALSE(user) << bad;
        EXPECT_EQ(user.error().text().find("secret"), std::string::npos) << user.error().text();
    }
}

}  // namespace
}  // namespace sallyport::cli
