#include <sallyport/server/secret.hpp>

#include <array>

#include <gtest/gtest.h>
#include <sodium.h>

namespace sallyport::server {
namespace {

TEST(secret, locked_accounts_and_unknown_hashes_are_no_passwords) {  // AU-04
    for (const char* text : {"*",
                             "!",
                             "!!",
                             "x",
                             "*LK*",
                             "*LK*$5$salt$hash",
                             "!$6$salt$hash",
                             "!!$6$salt$hash",
                             "$1$abc$def",
                             "$6$salt$hash",
                             "$y$j9T$abc$def",
                             "$2b$10$abcdefghijklmnopqrstuv",
                             "$argon2id$",
                             "$argon2id$v=19$m=65536",
                             "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$aGFzaA",
                             "$apr1$a$b",
                             "{SHA}abc",
                             "{SSHA512}abc",
                             "{plain}abc",
                             "{PBKDF2-SHA256}10000$a$b",
                             ""}) {
        const auto got = parse_secret(text);
        ASSERT_FALSE(got) << text;
        EXPECT_EQ(got.error().code, errc::syntax);
        EXPECT_NE(got.error().what.find("; "), std::string::npos) << got.error().what;
        if (std::string_view(text).size() > 3) {
            EXPECT_EQ(got.error().what.find(text), std::string::npos) << got.error().what;
        }
    }
}

TEST(secret, other_text_is_the_password) {
    for (const char* text : {"secret", "xx", "X", "**", "!!!", "a!", "$5", "$", "$$", "5$ a day$", "$a b$", "{", "{}",
                             "{a b}", "pass{word}", "plain", "p:q", "*star", "!bang"}) {
        const auto got = parse_secret(text);
        ASSERT_TRUE(got) << text;
        EXPECT_EQ(got->text, text);
        EXPECT_EQ(got->kind, secret_kind::plain);
    }
}

TEST(secret, plain_accepts_any_text) {
    for (const char* text : {"*", "!", "x", "$6$salt$hash", "{SHA}abc", "$argon2id$v=19$m=65536", "plain:", "plain:a"}) {
        const auto got = parse_secret(std::string("plain:") + text);
        ASSERT_TRUE(got) << text;
        EXPECT_EQ(got->text, text);
        EXPECT_EQ(got->kind, secret_kind::plain);
    }
    EXPECT_FALSE(parse_secret("plain:"));
}

TEST(secret, a_hash_matches_its_password_alone) {
    // From libsodium, and from a program that uses two lanes.
    std::array<char, crypto_pwhash_STRBYTES> made{};
    ASSERT_GE(sodium_init(), 0);
    ASSERT_EQ(crypto_pwhash_str(made.data(), "lab", 3, crypto_pwhash_OPSLIMIT_MIN, crypto_pwhash_MEMLIMIT_MIN), 0);
    EXPECT_EQ(matches_hash(made.data(), "lab"), true);
    EXPECT_EQ(matches_hash(made.data(), "la"), false);
    EXPECT_EQ(matches_hash("$argon2id$v=19$m=32,t=2,p=2$c29tZXNhbHQ$3Fh2tyLK3Ow", "lab"), false);
}

// All of "secret", as openssl passwd, htpasswd -B, mkpasswd and pure-pw write them.
constexpr auto crypt_hashes = std::to_array<const char*>(
    {"$1$saltsalt$9xy1btjgzLYfb7hivXtC//", "$5$saltsaltsaltsalt$X0ra9qlY7TJaGBDgorLevriQfwysW8fXnbybcO4mF4/",
     "$6$saltsaltsaltsalt$ph0yGsyjzqdeFaon7.gJZo8eAG5/rj9/"
     "JdzOu1Rl7dKzBYg3xgvl7T2VQ2Rt81bc5AXkdA54r0p8QvC1omD6R1",
     "$6$rounds=1000$saltsalt$LAV5VE5Y7w1d73x1mFNspYWUpazfmwv2SoepNXNKJ/"
     "otop/Zok96Hr8Q13LEv0DRY/x8v0/crpIjl8NJSAqXV/",
     "$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a",
     "$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a",
     "$y$j75$saltsaltsalt$jyf/lxrpdyAIshWRo1x5DRC6KIE7sNRRtjcomR3PgHA",
     "$7$CU..../....saltsalt$NUwJnl2EzU4ACwYC9BDHKGDt.PCVFKyF6Hlr/CUA09D"});

TEST(secret, hashes_of_other_programs_work_as_they_are) {
    for (const std::string hash : crypt_hashes) {
        const auto got = parse_secret(hash);
        ASSERT_TRUE(got) << hash;
        EXPECT_EQ(got->kind, secret_kind::crypt);
        EXPECT_EQ(got->text, hash);
        EXPECT_EQ(matches_hash(hash, "secret"), true) << hash;
        for (const std::string_view wrong : {std::string_view("secre"), {"secrets"}, {""}, {"secret\0", 7}})
            EXPECT_EQ(matches_hash(hash, wrong), false) << hash;
        // Truncated or extended, it is damaged, and not a password: what begins as a hash never is.
        for (std::size_t size = 4; size < hash.size(); ++size) EXPECT_FALSE(parse_secret(hash.substr(0, size))) << size;
        EXPECT_FALSE(parse_secret(hash + "a"));
        EXPECT_FALSE(parse_secret(hash.substr(0, hash.size() - 1) + ":"));
    }
}

TEST(secret, the_cost_of_a_hash_is_without_its_salt) {
    EXPECT_EQ(cost_of_hash("$argon2id$v=19$m=65536,t=2,p=1$salt$hash"), "$argon2id$v=19$m=65536,t=2,p=1");
    EXPECT_EQ(cost_of_hash(crypt_hashes[0]), "$1");
    EXPECT_EQ(cost_of_hash(crypt_hashes[2]), "$6");
    EXPECT_EQ(cost_of_hash(crypt_hashes[3]), "$6$rounds=1000");
    EXPECT_EQ(cost_of_hash(crypt_hashes[4]), "$2b$05");
    EXPECT_EQ(cost_of_hash(crypt_hashes[6]), "$y$j75");
    EXPECT_EQ(cost_of_hash(crypt_hashes[7]), "$7$CU..../....");
}

TEST(secret, a_complete_argon2id_hash_is_accepted) {
    ASSERT_GE(sodium_init(), 0);
    char hash[crypto_pwhash_STRBYTES];
    ASSERT_EQ(crypto_pwhash_str_alg(hash, "secret", 6, crypto_pwhash_OPSLIMIT_MIN, crypto_pwhash_MEMLIMIT_MIN,
                                    crypto_pwhash_ALG_ARGON2ID13),
              0);
    const auto got = parse_secret(hash);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->kind, secret_kind::argon2id);
    EXPECT_EQ(got->text, hash);
    // Truncated or extended, it is invalid.
    const std::string whole = hash;
    for (std::size_t size = 11; size < whole.size(); ++size)
        EXPECT_FALSE(parse_secret(whole.substr(0, size)) && size + 43 < whole.size()) << size;
    EXPECT_FALSE(parse_secret(whole + "!"));
}

}  // namespace
}  // namespace sallyport::server
