// Hashes of bytes, in one piece and in several.

#include <sallyport/net/hasher.hpp>

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace sallyport::net {
namespace {

std::string hashed(hash_algorithm algorithm, std::string_view text, std::size_t piece) {
    auto h = hasher::make(algorithm);
    if (!h) return h.error().text();
    for (std::size_t at = 0; at < text.size(); at += piece) h->add(text.substr(at, piece));
    return h->finish().value_or("failed");
}

TEST(hasher, known_values_whatever_the_pieces) {
    for (const std::size_t piece : {1U, 2U, 3U}) {
        EXPECT_EQ(hashed(hash_algorithm::sha256, "abc", piece),
                  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        EXPECT_EQ(hashed(hash_algorithm::sha1, "abc", piece), "a9993e364706816aba3e25717850c26c9cd0d89d");
        EXPECT_EQ(hashed(hash_algorithm::md5, "abc", piece), "900150983cd24fb0d6963f7d28e17f72");
        EXPECT_EQ(hashed(hash_algorithm::crc32, "abc", piece), "352441c2");
    }
    EXPECT_EQ(hashed(hash_algorithm::crc32, "", 1), "00000000");
}

TEST(hasher, every_hash_has_its_number_of_digits) {
    for (const auto& row : hash_algorithms) {
        EXPECT_EQ(hashed(row.id, "abc", 3).size(), row.digits) << row.name;
        EXPECT_EQ(parse_hash_algorithm(row.name), row.id);
    }
    EXPECT_EQ(parse_hash_algorithm("sha-256"), hash_algorithm::sha256);
    EXPECT_FALSE(parse_hash_algorithm("SHA-3"));
}

}  // namespace
}  // namespace sallyport::net
