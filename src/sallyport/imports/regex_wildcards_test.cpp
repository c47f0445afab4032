#include <sallyport/imports/regex_wildcards.hpp>

#include <gtest/gtest.h>

namespace sallyport::imports {
namespace {

using patterns = std::vector<std::string>;

TEST(regex_wildcards, simple_expressions) {
    EXPECT_EQ(wildcards_of_regex(R"(\.key$)"), (patterns{"*.key"}));
    EXPECT_EQ(wildcards_of_regex(R"(^\.)"), (patterns{".*"}));
    EXPECT_EQ(wildcards_of_regex(R"(^lost\+found$)"), (patterns{"lost+found"}));
    EXPECT_EQ(wildcards_of_regex("secret"), (patterns{"*secret*"}));
    EXPECT_EQ(wildcards_of_regex(R"((\.ftpaccess|\.htaccess)$)"), (patterns{"*.ftpaccess", "*.htaccess"}));
    EXPECT_EQ(wildcards_of_regex(R"(^a|b$)"), (patterns{"a*", "*b"}));
    EXPECT_EQ(wildcards_of_regex(R"(\.(exe|com)$)"), (patterns{"*.exe", "*.com"}));
    EXPECT_EQ(wildcards_of_regex("^a.*[0-9].b$"), (patterns{"a*[0-9]?b"}));
    EXPECT_EQ(wildcards_of_regex(R"(\*$)"), (patterns{"*[*]"}));
}

TEST(regex_wildcards, others_are_not_translated) {
    for (const char* regex : {"", "a+", "a*", "a{2}", "[^a]", "[", "(", "a)", "x(y", R"(\d)", R"(\)", "a/b", ".*", "^$|x*",
                              "(a|b)*", "((((((((((a))))))))))", "(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)", "a^b", "\x01"})
        EXPECT_EQ(wildcards_of_regex(regex), std::nullopt) << regex;
}

}  // namespace
}  // namespace sallyport::imports
