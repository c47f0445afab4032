#include <sallyport/proto/hash_commands.hpp>

#include <string>

#include <gtest/gtest.h>

namespace sallyport::proto {
namespace {

TEST(hash_commands, each_command_has_its_algorithm) {
    EXPECT_EQ(algorithm_of(verb::xcrc), hash_algorithm::crc32);
    EXPECT_EQ(algorithm_of(verb::xsha512), hash_algorithm::sha512);
    EXPECT_FALSE(algorithm_of(verb::hash));
    EXPECT_TRUE(requests_hash(verb::hash) && requests_hash(verb::xmd5));
    EXPECT_FALSE(requests_hash(verb::size));
    EXPECT_EQ(hash_feature(hash_algorithm::sha256), "HASH SHA-256*;SHA-512;SHA-1;MD5;CRC32");
    EXPECT_EQ(hash_feature(hash_algorithm::md5), "HASH SHA-256;SHA-512;SHA-1;MD5*;CRC32");
}

TEST(hash_commands, both_ends_of_RANG_belong_to_the_range) {
    EXPECT_EQ(parse_range("0 0"), (byte_range{0, 1}));
    EXPECT_EQ(parse_range("262144 524287"), (byte_range{262144, 524288}));
    EXPECT_EQ(parse_range("1 0"), byte_range{});
    EXPECT_EQ(parse_range("0 9223372036854775807"), (byte_range{0, 9223372036854775808U}));
    for (const auto* wrong : {"", "1", "2 1", "3 0", "-1 5", "1 -5", "1  5", "1 5 6", "a b", "0 9223372036854775808"})
        EXPECT_FALSE(parse_range(wrong)) << wrong;
}

/// "name begin end", or "name begin end | other begin end" if the argument may be a name as a whole.
std::string parsed_argument(std::string_view text) {
    const auto show = [](const std::string& name, const byte_range& r) {
        return name + " " + std::to_string(r.begin) + (r.end == UINT64_MAX ? " -" : " " + std::to_string(r.end));
    };
    const auto a = hash_argument::parse(text);
    if (!a) return "refused";
    return show(a->name, a->range) + (a->otherwise ? " | " + show(a->otherwise->first, a->otherwise->second) : "");
}

TEST(hash_commands, a_name_in_quotes_ends_with_them) {
    EXPECT_EQ(parsed_argument("\"a b\""), "a b 0 -");
    EXPECT_EQ(parsed_argument("\"a b\" 5"), "a b 5 -");
    EXPECT_EQ(parsed_argument("\"a b\"  5  9 "), "a b 5 9");
    EXPECT_EQ(parsed_argument("\"a\"b\""), "a\"b 0 -");
    EXPECT_EQ(parsed_argument("\"a"), "\"a 0 -");
    for (const auto* wrong : {"\"\"", "\"a\"5", "\"a\" x", "\"a\" 5 x", "\"a\" 9 5", "\"a\" 1 2 3", "\"a\" -1 2"})
        EXPECT_EQ(parsed_argument(wrong), "refused") << wrong;
}

TEST(hash_commands, without_quotes_numbers_may_belong_to_the_name) {
    EXPECT_EQ(parsed_argument("a"), "a 0 -");
    EXPECT_EQ(parsed_argument("a b"), "a b 0 -");
    EXPECT_EQ(parsed_argument("12"), "12 0 -");
    EXPECT_EQ(parsed_argument("a 5"), "a 5 0 - | a 5 -");
    EXPECT_EQ(parsed_argument("a b 5 9"), "a b 5 9 0 - | a b 5 9");
    EXPECT_EQ(parsed_argument("1 2 3"), "1 2 3 0 - | 1 2 3");
    EXPECT_EQ(parsed_argument("a 9 5"), "a 9 5 0 - | a 9 5 -");
    EXPECT_EQ(parsed_argument("a 5 "), "a 5  0 - | a 5 -");
}

}  // namespace
}  // namespace sallyport::proto
