#include <sallyport/server/accounts.hpp>

#include <gtest/gtest.h>
#include <sodium.h>

namespace sallyport::server {
namespace {

proto::login_request login(std::string name, std::string password) {
    return {.user = std::move(name), .password = std::move(password), .anonymous = false, .protected_by_tls = false};
}

std::string cheap_argon2id(const std::string& password) {
    char out[crypto_pwhash_STRBYTES];
    EXPECT_EQ(sodium_init() < 0, false);
    EXPECT_EQ(crypto_pwhash_str_alg(out, password.data(), password.size(), crypto_pwhash_OPSLIMIT_MIN,
                                    crypto_pwhash_MEMLIMIT_MIN, crypto_pwhash_ALG_ARGON2ID13),
              0);
    return out;
}

TEST(accounts, right_password_gives_the_account) {
    const accounts all(
        {{.name = "bob", .password = "secret", .read_only = false}, {.name = "eve", .password = "other", .read_only = true}},
        false);
    const auto bob = all.check(login("bob", "secret"));
    ASSERT_TRUE(bob);
    EXPECT_EQ(bob->name, "bob");
    EXPECT_FALSE(bob->read_only);
    EXPECT_TRUE(all.check(login("eve", "other"))->read_only);
    EXPECT_FALSE(all.is_slow(login("bob", "secret")));
}

TEST(accounts, wrong_password_and_unknown_name_are_the_same_failure) {  // AU-01
    const accounts all({{.name = "bob", .password = "secret", .read_only = false}}, false);
    for (const auto& [name, password] : {std::pair{"bob", "Secret"}, {"bob", ""}, {"unknown", "secret"}, {"", ""}}) {
        const auto got = all.check(login(name, password));
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().code, errc::login_refused);
        EXPECT_EQ(got.error().what, "");
    }
}

TEST(accounts, empty_and_damaged_secrets_lock_the_account) {  // AU-04
    const accounts all({{.name = "a", .password = "", .read_only = false},
                        {.name = "b", .password = "$argon2id$v=19$m=65536", .read_only = false},
                        {.name = "c", .password = "*", .read_only = false},
                        {.name = "d", .password = "$6$salt$hash", .read_only = false},
                        {.name = "e", .password = "plain:*", .read_only = false}},
                       false);
    EXPECT_FALSE(all.check(login("a", "")));
    EXPECT_FALSE(all.check(login("b", "")));
    EXPECT_FALSE(all.check(login("b", "$argon2id$v=19$m=65536")));
    EXPECT_FALSE(all.check(login("c", "*")));
    EXPECT_FALSE(all.check(login("c", "")));
    EXPECT_FALSE(all.check(login("d", "$6$salt$hash")));
    EXPECT_TRUE(all.check(login("e", "*")));
    EXPECT_FALSE(all.check(login("e", "plain:*")));
}

// CVE-2004-0042 CVE-2004-1602.
TEST(accounts, argon2id_hashes_are_checked_and_make_every_name_as_slow) {
    const accounts all({{.name = "bob", .password = cheap_argon2id("secret"), .read_only = false},
                        {.name = "eve", .password = "clear", .read_only = false}},
                       true);
    EXPECT_TRUE(all.check(login("bob", "secret")));
    EXPECT_FALSE(all.check(login("bob", "secre")));
    EXPECT_TRUE(all.check(login("eve", "clear")));
    EXPECT_FALSE(all.check(login("eve", "secret")));
    EXPECT_FALSE(all.check(login("unknown", "secret")));
    EXPECT_TRUE(all.is_slow(login("unknown", "x")));
}

TEST(accounts, anonymous_only_where_allowed_and_always_read_only) {
    proto::login_request anonymous = login("anonymous", "a@b");
    anonymous.anonymous = true;
    EXPECT_FALSE(accounts({}, false).check(anonymous));
    const auto got = accounts({}, true).check(anonymous);
    ASSERT_TRUE(got);
    EXPECT_TRUE(got->read_only);
    EXPECT_TRUE(got->anonymous);
}

}  // namespace
}  // namespace sallyport::server
