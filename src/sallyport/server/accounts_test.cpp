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
    const accounts all({make_user("bob", "secret", right_set::all()), make_user("eve", "other", right_set::read_only())},
                       std::nullopt);
    const auto bob = all.check(login("bob", "secret"));
    ASSERT_TRUE(bob);
    EXPECT_EQ((*bob)->name, "bob");
    EXPECT_EQ((*bob)->rights, right_set::all());
    EXPECT_EQ((*all.check(login("eve", "other")))->rights, right_set::read_only());
    EXPECT_EQ(all.place_of_check(login("bob", "secret")), check_place::loop);
}

TEST(accounts, wrong_password_and_unknown_name_are_the_same_failure) {  // AU-01
    const accounts all({make_user("bob", "secret", right_set::all())}, std::nullopt);
    for (const auto& [name, password] : {std::pair{"bob", "Secret"}, {"bob", ""}, {"unknown", "secret"}, {"", ""}}) {
        const auto got = all.check(login(name, password));
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().code, errc::login_refused);
        EXPECT_EQ(got.error().what, "");
    }
}

TEST(accounts, empty_and_damaged_secrets_lock_the_account) {  // AU-04
    const accounts all({make_user("a", "", right_set::all()), make_user("b", "$argon2id$v=19$m=65536", right_set::all()),
                        make_user("c", "*", right_set::all()), make_user("d", "$6$salt$hash", right_set::all()),
                        make_user("e", "plain:*", right_set::all())},
                       std::nullopt);
    EXPECT_FALSE(all.check(login("a", "")));
    EXPECT_FALSE(all.check(login("b", "")));
    EXPECT_FALSE(all.check(login("b", "$argon2id$v=19$m=65536")));
    EXPECT_FALSE(all.check(login("c", "*")));
    EXPECT_FALSE(all.check(login("c", "")));
    EXPECT_FALSE(all.check(login("d", "$6$salt$hash")));
    EXPECT_TRUE(all.check(login("e", "*")));
    EXPECT_FALSE(all.check(login("e", "plain:*")));
}

TEST(accounts, other_names_are_those_of_system_users) {
    const accounts all({make_user("bob", "secret", right_set::all()), make_user("eve", cheap_argon2id("other"), {})},
                       std::nullopt, nullptr, true);
    EXPECT_EQ((*all.check(login("bob", "secret")))->name, "bob");
    EXPECT_EQ(all.check(login("bob", "other")).error().code, errc::login_refused);
    EXPECT_EQ(all.place_of_check(login("eve", "other")), check_place::pool);
    const auto amy = all.check(login("amy", "secret"));
    EXPECT_TRUE(amy && *amy == nullptr);
    EXPECT_EQ(all.place_of_check(login("amy", "secret")), check_place::system);
    const proto::login_request anonymous{.user = "ftp", .password = "x", .anonymous = true, .protected_by_tls = false};
    EXPECT_EQ(all.check(anonymous).error().code, errc::login_refused);
    EXPECT_EQ(all.place_of_check(anonymous), check_place::loop);
}

// CVE-2004-0042 CVE-2004-1602.
TEST(accounts, argon2id_hashes_are_checked_and_make_every_name_as_slow) {
    const accounts all(
        {make_user("bob", cheap_argon2id("secret"), right_set::all()), make_user("eve", "clear", right_set::all())},
        make_anonymous());
    EXPECT_TRUE(all.check(login("bob", "secret")));
    EXPECT_FALSE(all.check(login("bob", "secre")));
    EXPECT_TRUE(all.check(login("eve", "clear")));
    EXPECT_FALSE(all.check(login("eve", "secret")));
    EXPECT_FALSE(all.check(login("unknown", "secret")));
    EXPECT_EQ(all.place_of_check(login("unknown", "x")), check_place::pool);
}

TEST(accounts, hashes_of_several_kinds_are_checked_by_their_own) {
    const accounts all({make_user("bob", cheap_argon2id("one"), right_set::all()),
                        make_user("eve", "$1$saltsalt$9xy1btjgzLYfb7hivXtC//", right_set::all()),
                        make_user("joe",
                                  "$6$rounds=1000$saltsalt$LAV5VE5Y7w1d73x1mFNspYWUpazfmwv2SoepNXNKJ/"
                                  "otop/Zok96Hr8Q13LEv0DRY/x8v0/crpIjl8NJSAqXV/",
                                  right_set::all()),
                        make_user("ann", "clear", right_set::all())},
                       std::nullopt);
    EXPECT_EQ(all.place_of_check(login("unknown", "x")), check_place::pool);
    EXPECT_TRUE(all.check(login("bob", "one")));
    EXPECT_TRUE(all.check(login("eve", "secret")));
    EXPECT_TRUE(all.check(login("joe", "secret")));
    EXPECT_TRUE(all.check(login("ann", "clear")));
    // The password of another account, whose hash is computed too.
    for (const auto& [name, password] :
         {std::pair{"bob", "secret"}, {"eve", "one"}, {"ann", "secret"}, {"unknown", "secret"}})
        EXPECT_FALSE(all.check(login(name, password))) << name;
}

TEST(accounts, anonymous_only_where_allowed) {
    proto::login_request anonymous = login("anonymous", "a@b");
    anonymous.anonymous = true;
    EXPECT_FALSE(accounts({}, std::nullopt).check(anonymous));
    const auto got = accounts({}, make_anonymous()).check(anonymous);
    ASSERT_TRUE(got);
    EXPECT_EQ((*got)->rights, right_set::read_only());
    EXPECT_TRUE((*got)->anonymous);
}

}  // namespace
}  // namespace sallyport::server
