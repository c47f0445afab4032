#include <sallyport/proto/working_directory.hpp>

#include <gtest/gtest.h>

namespace sallyport::proto {
namespace {

const reply done{250, {"Done."}};

[[nodiscard]] reply is(std::string_view quoted) { return {257, {std::string(quoted)}}; }

TEST(WorkingDirectory, FollowsCwdAndCdup) {
    working_directory at;
    EXPECT_EQ(at.absolute("f"), "/f");
    EXPECT_FALSE(at.is_known());
    at.reply_received(verb::cwd, "a", done);
    EXPECT_EQ(at.absolute("f"), "/a/f");
    at.reply_received(verb::cwd, "b/./c/", done);
    EXPECT_EQ(at.text(), "/a/b/c");
    at.reply_received(verb::cdup, {}, {200, {"Okay."}});
    EXPECT_EQ(at.absolute(""), "/a/b");
    at.reply_received(verb::cwd, "../../../x", done);
    EXPECT_EQ(at.absolute("../y"), "/y");
    at.reply_received(verb::cwd, "//in//deep", done);
    EXPECT_TRUE(at.is_known());
    EXPECT_EQ(at.absolute("f"), "/in/deep/f");
    EXPECT_EQ(at.absolute("/f"), "/f");
    at.reply_received(verb::cwd, "gone", {550, {"No."}});
    at.reply_received(verb::cwd, "gone", {450, {"No."}});
    at.reply_received(verb::dele, "f", done);
    EXPECT_EQ(at.text(), "/in/deep");
    at.reset();
    EXPECT_EQ(at.text(), "/");
}

// CVE-2017-1000254.
TEST(WorkingDirectory, UsesThePwdReply) {
    working_directory at;
    at.reply_received(verb::pwd, {}, is(R"("/users/bob" is the current directory)"));
    EXPECT_TRUE(at.is_known());
    EXPECT_EQ(at.absolute("in/f"), "/users/bob/in/f");
    at.reply_received(verb::pwd, {}, is(R"(before "/a ""quoted"" name" after "x")"));
    EXPECT_EQ(at.text(), R"(/a "quoted" name)");
    at.reply_received(verb::pwd, {}, is("no quotes"));
    at.reply_received(verb::pwd, {}, is("\"no end"));
    at.reply_received(verb::pwd, {}, is("\"\""));
    at.reply_received(verb::pwd, {}, {250, {"\"/wrong/code\""}});
    EXPECT_EQ(at.text(), R"(/a "quoted" name)");
}

TEST(WorkingDirectory, LeavesForeignNotationsAsTheyAre) {
    working_directory at;
    at.reply_received(verb::pwd, {}, is(R"("C:\in")"));
    EXPECT_EQ(at.absolute("f"), R"(C:\in/f)");
    EXPECT_EQ(at.absolute(R"(D:\f)"), R"(D:\f)");
    EXPECT_EQ(at.absolute("/f"), "/f");
    at.reply_received(verb::pwd, {}, is("\"'BOB.DATA'\""));
    EXPECT_EQ(at.absolute("'BOB.IN(F)'"), "'BOB.IN(F)'");
}

TEST(WorkingDirectory, DoesNotKnowHomeDirectories) {
    working_directory at;
    at.reply_received(verb::cwd, "/in", done);
    at.reply_received(verb::cwd, "~bob", done);
    EXPECT_FALSE(at.is_known());
}

TEST(WorkingDirectory, StaysSmall) {
    working_directory at;
    for (int i = 0; i < 100; ++i) at.reply_received(verb::cwd, std::string(200, 'a'), done);
    EXPECT_LE(at.text().size(), 4096U);
    at.reply_received(verb::pwd, {}, is('"' + std::string(5000, '/') + '"'));
    EXPECT_LE(at.text().size(), 4096U);
}

TEST(WorkingDirectory, FindsItsNameInAnyLineOfTheReply) {
    EXPECT_EQ(quoted_path({257, {"You are in", "\"/a \"\"b\"\" c\" now", "257"}}), "/a \"b\" c");
    EXPECT_EQ(quoted_path({257, {"\"/in"}}), "");
    EXPECT_EQ(quoted_path({250, {"\"/in\""}}), "");
}

}  // namespace
}  // namespace sallyport::proto
