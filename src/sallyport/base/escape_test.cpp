#include <sallyport/base/escape.hpp>

#include <gtest/gtest.h>

namespace sallyport {
namespace {

TEST(Escape, KeepsTextAndEscapesControlCharacters) {
    EXPECT_EQ(escape("plain text"), "plain text");
    EXPECT_EQ(escape("na\xc3\xafve"), "na\xc3\xafve");
    EXPECT_EQ(escape("a\r\nlogin ok"), "a\\x0d\\x0alogin ok");
    EXPECT_EQ(escape("\x1b]0;x\x07"), "\\x1b]0;x\\x07");
    EXPECT_EQ(escape("\x9b"), "\\x9b");
    EXPECT_EQ(escape("\xc2\x9b"), "\\xc2\\x9b");
    EXPECT_EQ(escape("\xe2\x80\xae"
                     "abc"),
              "\\xe2\\x80\\xaeabc");
    EXPECT_EQ(escape("a\\b"), "a\\\\b");
    EXPECT_EQ(escape(std::string_view("\0x", 2)), "\\x00x");
}

TEST(Escape, CutsLongText) { EXPECT_EQ(escape("abcdef", 3), "abc..."); }

TEST(ShellWord, IsQuotedIfAShellWouldReadItOtherwise) {
    EXPECT_EQ(shell_word("/usr/bin/x-1.2_3"), "/usr/bin/x-1.2_3");
    EXPECT_EQ(shell_word(""), "''");
    EXPECT_EQ(shell_word("a b"), "'a b'");
    EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
    EXPECT_EQ(shell_word("$(x)"), "'$(x)'");
    EXPECT_EQ(shell_word("~"), "'~'");
}

}  // namespace
}  // namespace sallyport
