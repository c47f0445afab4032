#include <sallyport/proto/ascii_filter.hpp>

#include <string>

#include <gtest/gtest.h>

#include <sallyport/proto/test_segments.hpp>

namespace sallyport::proto {
namespace {

using namespace std::string_literals;

void expect_to_wire(const std::string& file, const std::string& wire) {
    for (const auto& pieces : segmentations(file)) {
        to_network_ascii filter;
        std::string out;
        for (const auto piece : pieces) filter.filter(piece, out);
        EXPECT_EQ(out, wire);
    }
}

void expect_to_file(const std::string& wire, const std::string& file) {
    for (const auto& pieces : segmentations(wire)) {
        from_network_ascii filter;
        std::string out;
        for (const auto piece : pieces) {
            std::string buffer = "x" + std::string(piece);
            out += filter.filter(buffer, false);
        }
        std::string spare = "x";
        out += filter.filter(spare, true);
        EXPECT_EQ(out, file);
        // The last bytes and the end together.
        from_network_ascii at_once;
        std::string whole = "x" + wire;
        EXPECT_EQ(at_once.filter(whole, true), file);
    }
}

TEST(AsciiFilter, LinesGetCarriageReturnsOnTheWire) {
    expect_to_wire("", "");
    expect_to_wire("a\nb\n", "a\r\nb\r\n");
    expect_to_wire("\n\n", "\r\n\r\n");
    expect_to_wire("no end", "no end");
}

TEST(AsciiFilter, LinesThatHaveThemKeepThem) {
    expect_to_wire("a\r\nb\n", "a\r\nb\r\n");
    expect_to_wire("a\rb\r", "a\rb\r");
    expect_to_wire("\r\n\n", "\r\n\r\n");
    expect_to_wire("\r\r\n", "\r\r\n");
}

TEST(AsciiFilter, LinesLoseThemInFiles) {
    expect_to_file("", "");
    expect_to_file("a\r\nb\r\n", "a\nb\n");
    expect_to_file("\r\n\r\n", "\n\n");
    expect_to_file("a\nb", "a\nb");
}

TEST(AsciiFilter, OtherCarriageReturnsStay) {
    expect_to_file("a\rb", "a\rb");
    expect_to_file("a\r", "a\r");
    expect_to_file("\r\r\r", "\r\r\r");
    expect_to_file("\r\r\n\r", "\r\n\r");
}

// CVE-2003-0831.
TEST(AsciiFilter, BinaryBytesPassBothWays) {
    std::string all;
    for (int c = 0; c < 256; ++c) {
        if (c != '\r' && c != '\n') all += static_cast<char>(c);
    }
    expect_to_wire(all, all);
    expect_to_file(all, all);
    expect_to_wire("a\0b\n"s, "a\0b\r\n"s);
}

}  // namespace
}  // namespace sallyport::proto
