// S-MODE: blocks in segments of any size.
#include <sallyport/proto/block_mode.hpp>

#include <string>

#include <gtest/gtest.h>

namespace sallyport::proto {
namespace {

std::string block(unsigned descriptor, std::string_view data) {
    std::string out;
    out += static_cast<char>(descriptor);
    out += static_cast<char>(data.size() >> 8U);
    out += static_cast<char>(data.size() & 0xffU);
    return out.append(data);
}

/// The data in `wire`, read in pieces of `size` bytes.
result<std::string> unwrapped(block_reader& reader, std::string wire, std::size_t size) {
    std::string out;
    for (std::size_t at = 0; at < wire.size(); at += size) {
        const std::span<char> piece(wire.data() + at, std::min(size, wire.size() - at));
        const auto kept = reader.unwrap(piece);
        if (!kept) return std::unexpected(kept.error());
        out.append(piece.data(), *kept);
    }
    return out;
}

TEST(BlockMode, WritesHeadersAsInRfc959) {
    EXPECT_EQ(block_header(0x1234, false), (std::array<char, 3>{0, 0x12, 0x34}));
    EXPECT_EQ(block_header(0, true), (std::array<char, 3>{64, 0, 0}));
    const auto largest = block_header(max_block_size, true);
    EXPECT_EQ(largest, (std::array<char, 3>{64, static_cast<char>(0xff), static_cast<char>(0xff)}));
}

TEST(BlockMode, GivesTheSameFileHoweverTheBytesAreSplit) {
    const std::string wire =
        block(0, "one ") + block(0, "") + block(16, "marker") + block(0, std::string(70, 'x')) + block(64, " end");
    for (std::size_t size = 1; size <= wire.size(); ++size) {
        block_reader reader;
        const auto file = unwrapped(reader, wire, size);
        ASSERT_TRUE(file) << size;
        EXPECT_EQ(*file, "one " + std::string(70, 'x') + " end") << size;
        EXPECT_TRUE(reader.finished()) << size;
    }
}

TEST(BlockMode, AcceptsTheEndMarkInAnyBlock) {
    for (const auto& wire : {block(64, ""), block(0, "abc") + block(64, ""), block(64, "abc"), block(64 + 16, "mark")}) {
        block_reader reader;
        ASSERT_TRUE(unwrapped(reader, wire, wire.size()));
        EXPECT_TRUE(reader.finished());
    }
}

TEST(BlockMode, IsNotFinishedWithoutTheEndMark) {
    const std::string wire = block(0, "abc") + block(64, "defg");
    for (std::size_t size = 0; size < wire.size(); ++size) {
        block_reader reader;
        ASSERT_TRUE(unwrapped(reader, wire.substr(0, size), 4096));
        EXPECT_FALSE(reader.finished()) << size;
    }
}

TEST(BlockMode, RefusesInvalidBlocks) {
    // A stream of a server that has answered 200 to MODE B; records; a block marked as damaged; bytes after the end of the
    // file.
    for (const auto& wire : {std::string("Hello, world"), block(128, "r"), block(32, "?"), block(64, "") + "x",
                             block(0, "a") + block(1, "b")}) {
        for (const std::size_t size : {std::size_t{1}, wire.size()}) {
            block_reader reader;
            const auto file = unwrapped(reader, wire, size);
            ASSERT_FALSE(file);
            EXPECT_EQ(file.error().code, errc::unexpected);
        }
    }
}

}  // namespace
}  // namespace sallyport::proto
