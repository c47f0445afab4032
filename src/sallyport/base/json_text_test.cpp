#include <sallyport/base/json_text.hpp>

#include <gtest/gtest.h>

namespace sallyport {
namespace {

TEST(json_text, quotes_what_must_be_quoted) {
    EXPECT_EQ(json_string("a b"), "\"a b\"");
    EXPECT_EQ(json_string("\"\\"), R"("\"\\")");
    EXPECT_EQ(json_string("a\nb\x7f"), R"("a\u000ab\u007f")");
    EXPECT_EQ(json_string("ünïcode €"), "\"ünïcode €\"");
}

TEST(json_text, escapes_all_control_characters) {  // IN-09
    EXPECT_EQ(json_string("\x1b[2J"), R"("\u001b[2J")");
    EXPECT_EQ(json_string("\xc2\x9b"
                          "2J"),
              R"("\u009b2J")");
    EXPECT_EQ(json_string("\x9b"
                          "2J"),
              R"("\udc9b2J")");
    EXPECT_EQ(json_string("\xc2\xa0\xc3\x9b"), "\"\xc2\xa0\xc3\x9b\"");
}

TEST(json_text, bytes_that_are_not_UTF8_can_be_turned_back) {
    EXPECT_EQ(json_string("a\xff"), R"("a\udcff")");
    EXPECT_EQ(json_string("\xc3"), R"("\udcc3")");
    EXPECT_EQ(json_string("\xed\xa0\x80"), R"("\udced\udca0\udc80")");
}

}  // namespace
}  // namespace sallyport
