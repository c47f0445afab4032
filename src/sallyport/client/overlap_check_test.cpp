#include <sallyport/client/overlap_check.hpp>

#include <gtest/gtest.h>

#include <string>

#include <sallyport/client/session_fixture.hpp>

namespace sallyport::client {
namespace {

std::string pattern(std::size_t size) {
    std::string out(size, '\0');
    unsigned value = 1;
    for (auto& c : out) c = static_cast<char>((value = value * 1664525 + 1013904223) >> 24U);
    return out;
}

/// Feeds `bytes` in pieces; returns the bytes to be written, or "different".
std::string continued(overlap_check tail, std::string_view bytes, std::size_t piece) {
    std::string out;
    while (!bytes.empty()) {
        auto next = bytes.substr(0, piece);
        bytes.remove_prefix(next.size());
        EXPECT_TRUE(tail.compare(next));
        if (tail.is_different()) return "different";
        out += next;
    }
    tail.finish();
    return tail.is_same() ? out : "different";
}

TEST(overlap_check, CL05_what_follows_the_same_bytes_continues_them) {
    const auto whole = pattern(200'000);
    const memory_file local(whole.substr(0, 150'000));
    const overlap_check tail(local.get(), 150'000, 200'000);
    EXPECT_EQ(tail.start(), 150'000 - resume_overlap);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{1000}, std::size_t{65536}, whole.size()})
        EXPECT_TRUE(continued(tail, std::string_view(whole).substr(tail.start()), piece) == whole.substr(150'000)) << piece;
}

TEST(overlap_check, CL05_every_other_byte_is_noticed) {
    const auto whole = pattern(200'000);
    const memory_file local(whole.substr(0, 150'000));
    const overlap_check tail(local.get(), 150'000, 200'000);
    for (const std::size_t at : {std::size_t{0}, std::size_t{1}, std::size_t{20'000}, std::size_t{resume_overlap - 1}}) {
        auto other = whole.substr(tail.start());
        other[at] = static_cast<char>(other[at] ^ 1);
        for (const std::size_t piece : {std::size_t{999}, other.size()})
            EXPECT_EQ(continued(tail, other, piece), "different");
    }
    EXPECT_EQ(continued(tail, std::string_view(whole).substr(tail.start(), resume_overlap - 1), 5000), "different")
        << "too short";
    EXPECT_EQ(continued(tail, "", 1), "different");
}

TEST(overlap_check, more_than_the_rest_of_the_file_comes_from_elsewhere) {
    const std::string uniform(200'000, 'x');
    const memory_file local(uniform.substr(0, 150'000));
    const overlap_check tail(local.get(), 150'000, 200'000);
    EXPECT_EQ(continued(tail, uniform, 4096), "different") << "sent from the beginning";
    EXPECT_EQ(continued(tail, uniform.substr(0, resume_overlap + 50'001), 4096), "different");
    EXPECT_EQ(continued(tail, uniform.substr(0, resume_overlap + 50'000), 4096).size(), 50'000U);
    EXPECT_EQ(continued(overlap_check(local.get(), 150'000, 150'000), uniform.substr(0, resume_overlap), 4096), "");
}

TEST(overlap_check, a_short_part_is_compared_from_its_beginning) {
    const memory_file local("abc");
    const overlap_check tail(local.get(), 3, 5);
    EXPECT_EQ(tail.start(), 0U);
    EXPECT_EQ(continued(tail, "abcde", 1), "de");
    EXPECT_EQ(continued(tail, "abxde", 1), "different");
    const memory_file cut("ab");
    EXPECT_EQ(continued(overlap_check(cut.get(), 3, 5), "abcde", 5), "different") << "the local file became shorter";
}

}  // namespace
}  // namespace sallyport::client
