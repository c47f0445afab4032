// Hashes of files as servers report them, and as they are computed here.

#include <gtest/gtest.h>

#include <string>

#include <sallyport/client/file_hash.hpp>
#include <sallyport/client/session_fixture.hpp>

namespace sallyport::client {
namespace {

constexpr std::string_view sha256_of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(client_hash, the_best_command_is_chosen) {
    proto::feature_set f;
    f.known = true;
    EXPECT_EQ(hash_command(f), "");
    f.checksums = {"XCRC", "XMD5", "XSHA256"};
    EXPECT_EQ(hash_command(f), "XSHA256");
    f.hash = true;
    EXPECT_EQ(hash_command(f), "HASH");
}

TEST(client_hash, known_values) {
    const memory_file file("abcdef");
    EXPECT_EQ(hash_of(file.get(), 3, hash_algorithm::sha256), sha256_of_abc);
    EXPECT_EQ(hash_of(file.get(), 3, hash_algorithm::sha1), "a9993e364706816aba3e25717850c26c9cd0d89d");
    EXPECT_EQ(hash_of(file.get(), 3, hash_algorithm::md5), "900150983cd24fb0d6963f7d28e17f72");
    EXPECT_EQ(hash_of(file.get(), 3, hash_algorithm::crc32), "352441c2");
    EXPECT_EQ(hash_of(file.get(), 3, hash_algorithm::sha512)->size(), 128U);
    EXPECT_EQ(hash_of(file.get(), 7, hash_algorithm::md5).error().code, errc::truncated);
}

TEST(client_hash, HASH_names_its_algorithm) {
    const std::string digits(sha256_of_abc);
    const auto found = hash_in("HASH", {213, {"SHA-256 0-2 " + digits + " a " + std::string(64, 'f')}});
    ASSERT_TRUE(found);
    EXPECT_EQ(found->algorithm, hash_algorithm::sha256);
    EXPECT_EQ(found->digits, digits);
    EXPECT_EQ(hash_in("HASH", {213, {"md5 0-2 900150983CD24FB0D6963F7D28E17F72 a"}})->digits,
              "900150983cd24fb0d6963f7d28e17f72");
    EXPECT_FALSE(hash_in("HASH", {213, {"WHIRLPOOL 0-2 " + digits}}));
    EXPECT_FALSE(hash_in("HASH", {550, {"SHA-256 0-2 " + digits}}));
}

TEST(client_hash, the_other_commands_have_one_algorithm) {
    EXPECT_EQ(hash_in("XCRC", {250, {"352441C2"}})->digits, "352441c2");
    EXPECT_EQ(hash_in("XMD5", {250, {"Computing MD5 digest", "900150983cd24fb0d6963f7d28e17f72"}})->algorithm,
              hash_algorithm::md5);
    EXPECT_FALSE(hash_in("XSHA1", {250, {"done"}}));
}

TEST(client_hash, names_with_blanks_are_quoted_except_for_HASH) {
    EXPECT_EQ(hash_argument("HASH", "a b"), "a b");
    EXPECT_EQ(hash_argument("XMD5", "a b"), "\"a b\"");
    EXPECT_EQ(hash_argument("XMD5", "ab"), "ab");
}

}  // namespace
}  // namespace sallyport::client
