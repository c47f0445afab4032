#include <sallyport/server/wildcard.hpp>

#include <string>

#include <gtest/gtest.h>

namespace sallyport::server {
namespace {

TEST(wildcard, matches_what_a_shell_would) {
    const std::pair<const char*, const char*> good[] = {
        {"*", ""},        {"*", "a"},        {"*.txt", "a.txt"}, {"a*b*c", "aXbYbZc"}, {"?", "x"},
        {"[a-c]x", "bx"}, {"[!a-c]x", "dx"}, {"[]]", "]"},       {"[", "["},           {"a[-z]", "a-"},
        {"**a", "ba"},    {"[^x]", "y"},     {"x[0-9]*", "x7z"}, {"\xc3*", "\xc3\xa9"}};
    for (const auto& [pattern, name] : good) EXPECT_TRUE(matches_wildcard(pattern, name)) << pattern << " " << name;
    const std::pair<const char*, const char*> bad[] = {{"", "a"},      {"?", ""},      {"*.txt", "a.txtx"},
                                                       {"[a-c]", "d"}, {"[!a]", "a"},  {"a*b", "aXc"},
                                                       {"[ab", "a"},   {"{a,b}", "a"}, {"~root", "root"}};
    for (const auto& [pattern, name] : bad) EXPECT_FALSE(matches_wildcard(pattern, name)) << pattern << " " << name;
}

TEST(wildcard, many_stars_stay_cheap) {  // FS-03: would take for ever in a matcher that tries all ways
    std::string pattern;
    for (int i = 0; i < 2000; ++i) pattern += "*a";
    const std::string name(255, 'a');
    EXPECT_FALSE(matches_wildcard(pattern, name));
    EXPECT_FALSE(matches_wildcard("*a*a*a*a*a*a*a*a*a*a*ab", name));
}

}  // namespace
}  // namespace sallyport::server
