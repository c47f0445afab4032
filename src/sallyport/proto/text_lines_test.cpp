#include <sallyport/proto/text_lines.hpp>

#include <string>

#include <gtest/gtest.h>

namespace sallyport::proto {
namespace {

using lines_of = std::vector<std::string>;

TEST(text_lines, line_ends_of_any_kind) {
    EXPECT_EQ(text_lines(""), lines_of());
    EXPECT_EQ(text_lines(" \r\n\n\t"), lines_of());
    EXPECT_EQ(text_lines("a"), lines_of({"a"}));
    EXPECT_EQ(text_lines("a\nb\r\n\r\nc \n\n"), (lines_of{"a", "b", "", "c"}));
    EXPECT_EQ(text_lines("\n  a\tb"), (lines_of{"", "  a b"}));
}

// IN-07, IN-09
TEST(text_lines, control_characters_are_replaced) {
    using namespace std::string_literals;
    EXPECT_EQ(text_lines("a\x1b[2Jb\0c\x7f\x9b\r\r\nd\re"s), (lines_of{"a?[2Jb?c??", "d?e"}));
    EXPECT_EQ(text_lines("\xc3\xa4\xc2\x9b"), (lines_of{"\xc3\xa4?"}));
}

TEST(text_lines, the_number_of_lines_is_limited) {
    EXPECT_EQ(text_lines(std::string(5000, '\n') + "x").size(), max_text_lines);
}

// GW-02: a line of the text can't end the reply.
TEST(text_lines, a_line_like_a_reply_is_text) {
    const auto r = with_lines(text_lines("220 Hello\n220 Done.\n230 Logged in.\n"), {220, {"Ready."}});
    std::string sent;
    append_reply(sent, r);
    EXPECT_EQ(sent, "220-220 Hello\r\n 220 Done.\r\n 230 Logged in.\r\n220 Ready.\r\n");
    reply_parser parser;
    parser.append(sent);
    reply got;
    EXPECT_EQ(parser.next(got), reply_parser::status::reply);
    EXPECT_EQ(got.lines.size(), 4U);
    EXPECT_EQ(parser.pending(), 0U);
}

}  // namespace
}  // namespace sallyport::proto
