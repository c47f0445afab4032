#include <sallyport/cli/display_text.hpp>

#include <gtest/gtest.h>

namespace sallyport::cli {
namespace {

TEST(DisplayText, NothingForTheTerminalIsLeft) {
    EXPECT_EQ(printable("a\x1b[2Jb\n\r\t\x07"), "a?[2Jb????");
    EXPECT_EQ(printable("\x7f\x9b"
                        "31m"),
              "??31m")
        << "DEL, and a control sequence in one byte";
    EXPECT_EQ(printable("\xc2\x9b"
                        "31m"),
              "?31m")
        << "the same as a character";
    EXPECT_EQ(printable("a\xe2\x80\xae"
                        "b\xef\xbb\xbf"),
              "a?b?")
        << "the direction of text, and a byte order mark";
    EXPECT_EQ(printable("\xff\xc3"), "??");
    EXPECT_EQ(printable("caf\xc3\xa9 \xe6\x96\x87\\x1b"), "caf\xc3\xa9 \xe6\x96\x87\\x1b");
}

TEST(DisplayText, KnowsItsColumns) {
    EXPECT_EQ(columns_of(""), 0U);
    EXPECT_EQ(columns_of("abc"), 3U);
    EXPECT_EQ(columns_of("caf\xc3\xa9"), 4U);
    EXPECT_EQ(columns_of("cafe\xcc\x81"), 4U) << "a combining accent";
    EXPECT_EQ(columns_of("\xe6\x96\x87\xe5\xad\x97"), 4U);
    EXPECT_EQ(columns_of("\xf0\x9f\x98\x80"), 2U);
}

TEST(DisplayText, IsCutToItsColumns) {
    EXPECT_EQ(cut_to_columns("abc", 3), "abc");
    EXPECT_EQ(cut_to_columns("abcd", 3), "ab~");
    EXPECT_EQ(cut_to_columns("abcd", 1), "~");
    EXPECT_EQ(cut_to_columns("abcd", 0), "");
    EXPECT_EQ(cut_to_columns("\xe6\x96\x87\xe5\xad\x97", 3), "\xe6\x96\x87~");
    EXPECT_EQ(cut_to_columns("\xe6\x96\x87\xe5\xad\x97", 2), "~") << "half a character is none";
}

}  // namespace
}  // namespace sallyport::cli
