#include <sallyport/cli/top_keys.hpp>

#include <gtest/gtest.h>

namespace sallyport::cli {
namespace {

class TopKeys : public testing::Test {
protected:
    [[nodiscard]] bool type(std::string_view typed) { return keys.take(typed, {.lines = {}, .matching = 50, .page = 20}); }

    top_view view;
    top_keys keys{view};
};

TEST_F(TopKeys, ChangeTheOrder_G12) {
    EXPECT_TRUE(type("u"));
    EXPECT_EQ(view.order, top_order::user);
    EXPECT_TRUE(type("v"));
    EXPECT_TRUE(view.reversed);
    EXPECT_TRUE(type("t"));
    EXPECT_EQ(view.order, top_order::bytes);
    EXPECT_FALSE(view.reversed) << "a new order begins in its own direction";
    EXPECT_TRUE(type("\x1b[Cx\x1bOP\x01")) << "other keys do nothing";
    EXPECT_EQ(view.order, top_order::bytes);
    EXPECT_FALSE(type("q"));
}

TEST_F(TopKeys, ScrollWithinTheList) {
    EXPECT_TRUE(type("\x1b[B\x1b[B"));
    EXPECT_EQ(view.skipped, 2U);
    EXPECT_TRUE(type("\x1b[A\x1b[A\x1b[A"));
    EXPECT_EQ(view.skipped, 0U);
    EXPECT_TRUE(type("\x1b[6~\x1b[6~\x1b[6~"));
    EXPECT_EQ(view.skipped, 30U);
    EXPECT_TRUE(type("\x1b[5~"));
    EXPECT_EQ(view.skipped, 10U);
    EXPECT_TRUE(type("a"));
    EXPECT_EQ(view.skipped, 0U) << "another order begins at the top";
}

TEST_F(TopKeys, TypeAFilter) {
    EXPECT_TRUE(type("/user=bq"));
    EXPECT_EQ(view.message, "Filter (user=TEXT client=TEXT backend=TEXT, or TEXT): user=bq_") << "q is a letter here";
    EXPECT_TRUE(type("\x7fob client=10.\r"));
    EXPECT_EQ(view.filter.user, std::vector<std::string>{"bob"});
    EXPECT_EQ(view.filter.client, std::vector<std::string>{"10."});
    EXPECT_EQ(view.filter_text, "user=bob client=10.");
    EXPECT_EQ(view.message, "");
    EXPECT_TRUE(type("/\x15\x1b"));
    EXPECT_EQ(view.filter_text, "user=bob client=10.") << "given up";
    EXPECT_TRUE(type("/\x15\r"));
    EXPECT_EQ(view.filter_text, "");
    EXPECT_TRUE(view.filter.user.empty());
}

TEST_F(TopKeys, RefuseAFilterWithoutMeaning) {
    EXPECT_TRUE(type("/name=bob\r"));
    EXPECT_NE(view.message.find("use user=TEXT"), std::string::npos);
    EXPECT_EQ(view.filter_text, "");
    EXPECT_TRUE(type("a"));
    EXPECT_EQ(view.message, "") << "the next key removes it";
}

TEST_F(TopKeys, TakeWholeCharacters) {
    EXPECT_TRUE(type("/caf\xc3\xa9\x1b[A"));
    EXPECT_TRUE(view.message.ends_with(": caf\xc3\xa9_")) << view.message;
    EXPECT_TRUE(type("\x7f"));
    EXPECT_TRUE(view.message.ends_with(": caf_")) << view.message;
}

}  // namespace
}  // namespace sallyport::cli
