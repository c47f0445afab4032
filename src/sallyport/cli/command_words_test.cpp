// Lines of commands as words.

#include <sallyport/cli/command_words.hpp>

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sallyport::cli {
namespace {

using texts_of_commands = std::vector<std::vector<std::string>>;

texts_of_commands texts_in(std::string_view line) {
    texts_of_commands out;
    const auto got = split_commands(line);
    if (!got) return {{"error", got.error().what}};
    for (const auto& command : *got) {
        out.emplace_back();
        for (const auto& word : command) out.back().push_back(word.text);
    }
    return out;
}

std::string pattern_in(std::string_view line) {
    const auto got = split_commands(line);
    return got && !got->empty() ? got->front().back().pattern : std::string("error");
}

TEST(CommandWords, BlanksSeparateWordsAndSemicolonsCommands) {
    EXPECT_EQ(texts_in("  get  a\tb ; cd /x;\nls"), (texts_of_commands{{"get", "a", "b"}, {"cd", "/x"}, {"ls"}}));
    EXPECT_EQ(texts_in(" ;; \n \n"), texts_of_commands{});
}

TEST(CommandWords, QuotesAndBackslashesKeepCharacters) {
    EXPECT_EQ(texts_in(R"(get 'a b;#' "c \"d\" \\ \e" f\ g\;)"),
              (texts_of_commands{{"get", "a b;#", R"(c "d" \ \e)", "f g;"}}));
    EXPECT_EQ(texts_in(R"(get '' a''b)"), (texts_of_commands{{"get", "", "ab"}}));
}

TEST(CommandWords, ACommentBeginsAWord) {
    EXPECT_EQ(texts_in("get a#b # c; d\nls"), (texts_of_commands{{"get", "a#b"}, {"ls"}}));
}

TEST(CommandWords, AProgramHasTheRestOfTheLine) {
    EXPECT_EQ(texts_in("cd a; !ls 'x; y\npwd"), (texts_of_commands{{"cd", "a"}, {"!", "ls 'x; y"}, {"pwd"}}));
    EXPECT_EQ(texts_in("echo !a"), (texts_of_commands{{"echo", "!a"}}));
}

TEST(CommandWords, QuotedWildcardsHaveABackslashInThePattern) {
    EXPECT_EQ(pattern_in("get *.[ch]"), "*.[ch]");
    EXPECT_EQ(pattern_in("get '*'.c"), "\\*.c");
    EXPECT_EQ(pattern_in("get \\?\\\\"), "\\?\\\\");
}

TEST(CommandWords, AnOpenQuoteIsAnError) {
    EXPECT_FALSE(split_commands("get 'a"));
    EXPECT_FALSE(split_commands("get \"a"));
    EXPECT_FALSE(split_commands("get a\\"));
    EXPECT_FALSE(split_words("pass \"a"));
}

TEST(CommandWords, TheWordsOfOneCommandHaveNoOtherMeaning) {
    const auto got = split_words("pass show 'my server' a;b #c !d");
    ASSERT_TRUE(got);
    EXPECT_EQ(*got, (std::vector<std::string>{"pass", "show", "my server", "a;b", "#c", "!d"}));
}

TEST(CommandWords, ATypedLineHasItsLastWord) {
    auto typed = split_typed("cd x; get 'a b");
    EXPECT_EQ(typed.before.size(), 1U);
    EXPECT_EQ(typed.last.text, "a b");
    EXPECT_EQ(typed.last.begin, 10U);
    EXPECT_EQ(typed.quote, '\'');
    typed = split_typed("get a ");
    EXPECT_EQ(typed.before.size(), 2U);
    EXPECT_EQ(typed.last.text, "");
    EXPECT_EQ(typed.last.begin, 6U);
    typed = split_typed("ge");
    EXPECT_TRUE(typed.before.empty());
    EXPECT_EQ(typed.last.text, "ge");
}

TEST(CommandWords, AQuotedNameIsReadAsThisName) {
    const std::string name = "a 'b' \"c\" \\d *;#!";
    EXPECT_EQ(texts_in("get " + quoted_name(name, 0)), (texts_of_commands{{"get", name}}));
    EXPECT_EQ(texts_in("get " + quoted_name(name, '\'') + "'"), (texts_of_commands{{"get", name}}));
    EXPECT_EQ(texts_in("get " + quoted_name(name, '"') + "\""), (texts_of_commands{{"get", name}}));
}

}  // namespace
}  // namespace sallyport::cli
