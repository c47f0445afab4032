#include <sallyport/proto/secret_text.hpp>

#include <gtest/gtest.h>

namespace sallyport::proto {
namespace {

TEST(secret_text, every_place_of_a_secret_is_hidden) {
    EXPECT_EQ(without_secret("530 geheim, Xgeheim1", "geheim"), "530 ***, X***1");
    EXPECT_EQ(without_secret("no secret", "geheim"), "no secret");
    EXPECT_EQ(without_secret("text", ""), "text");
    EXPECT_EQ(without_secret("**** and ****", "****"), "*** and ***");
}

TEST(secret_text, a_short_secret_is_hidden_as_a_word_only) {
    EXPECT_EQ(without_secret("no, north knows 'no'", "no"), "***, north knows '***'");
    EXPECT_EQ(without_secret("a a", "a"), "*** ***");
    EXPECT_EQ(without_secret("x$y", "$"), "x***y");
}

}  // namespace
}  // namespace sallyport::proto
