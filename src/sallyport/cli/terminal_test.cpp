#include <sallyport/cli/terminal.hpp>

#include <gtest/gtest.h>

namespace sallyport::cli {
namespace {

TEST(Terminal, ATextIsCutToItsSize) {
    EXPECT_EQ(cut_to("one\ntwo\nthree\n", 80, 24), "one\ntwo\nthree\n");
    EXPECT_EQ(cut_to("one\ntwo\nthree\n", 80, 3), "one\ntwo\n") << "the last row stays empty";
    EXPECT_EQ(cut_to("three\n\nfour", 3, 24), "thr\n\nfou\n");
    EXPECT_EQ(cut_to("a\xc3\xa4\n", 2, 24), "a\n") << "not within a character";
    EXPECT_EQ(cut_to("", 80, 24), "");
    EXPECT_EQ(cut_to("one", 80, 0), "");
}

}  // namespace
}  // namespace sallyport::cli
