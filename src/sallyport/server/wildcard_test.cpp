#include <sallyport/server/wildcard.hpp>

#include <array>
#include <ctime>
#include <string>

#include <gtest/gtest.h>

namespace sallyport::server {
namespace {

bool matches(std::string_view pattern, std::string_view name) { return wildcard(pattern).matches(name); }

/// The same by backtracking, in the shortest form.
bool matches_slowly(std::string_view pattern, std::string_view name) {
    if (pattern.empty()) return name.empty();
    if (pattern[0] == '*')
        return matches_slowly(pattern.substr(1), name) || (!name.empty() && matches_slowly(pattern, name.substr(1)));
    if (name.empty()) return false;
    std::size_t length = 1;
    bool takes = pattern[0] == '?' || pattern[0] == name[0];
    const std::size_t negated = pattern.substr(1).starts_with('!') ? 1 : 0;
    const std::size_t end = pattern.find(']', 2 + negated);
    if (pattern[0] == '[' && end != std::string_view::npos) {
        length = end + 1;
        takes = false;
        for (std::size_t i = 1 + negated; i < end; ++i) {
            const bool range = i + 2 < end && pattern[i + 1] == '-';
            takes = takes || (range ? name[0] >= pattern[i] && name[0] <= pattern[i + 2] : name[0] == pattern[i]);
            if (range) i += 2;
        }
        takes = takes != (negated == 1);
    }
    return takes && matches_slowly(pattern.substr(length), name.substr(1));
}

/// All texts of up to `max_length` letters.
template <std::size_t Letters>
void for_each_text(const std::array<char, Letters>& alphabet, std::size_t max_length, const auto& visit,
                   std::string text = {}) {
    visit(text);
    if (text.size() == max_length) return;
    for (const char c : alphabet) for_each_text(alphabet, max_length, visit, text + c);
}

TEST(wildcard, agrees_with_a_matcher_that_tries_all_ways) {
    std::vector<std::string> names;
    for_each_text(std::array{'a', 'b', '-', ']'}, 3, [&](const std::string& name) { names.push_back(name); });
    for_each_text(std::array{'*', '?', '[', ']', '-', '!', 'a'}, 5, [&](const std::string& pattern) {
        const wildcard compiled(pattern);
        for (const auto& name : names)
            ASSERT_EQ(compiled.matches(name), matches_slowly(pattern, name)) << pattern << " " << name;
    });
}

TEST(wildcard, matches_what_a_shell_would) {
    const std::pair<const char*, const char*> good[] = {
        {"*", ""},        {"*", "a"},        {"*.txt", "a.txt"}, {"a*b*c", "aXbYbZc"}, {"?", "x"},
        {"[a-c]x", "bx"}, {"[!a-c]x", "dx"}, {"[]]", "]"},       {"[", "["},           {"a[-z]", "a-"},
        {"**a", "ba"},    {"[^x]", "y"},     {"x[0-9]*", "x7z"}, {"\xc3*", "\xc3\xa9"}};
    for (const auto& [pattern, name] : good) EXPECT_TRUE(matches(pattern, name)) << pattern << " " << name;
    const std::pair<const char*, const char*> bad[] = {{"", "a"},      {"?", ""},      {"*.txt", "a.txtx"},
                                                       {"[a-c]", "d"}, {"[!a]", "a"},  {"a*b", "aXc"},
                                                       {"[ab", "a"},   {"{a,b}", "a"}, {"~root", "root"}};
    for (const auto& [pattern, name] : bad) EXPECT_FALSE(matches(pattern, name)) << pattern << " " << name;
}

TEST(wildcard, patterns_longer_than_a_name_match_nothing) {
    for (const std::size_t count : {254UL, 255UL, 256UL, 257UL, 4000UL}) {
        for (const auto* step : {"a", "?", "[a-c]", "*a", "[!b]"}) {
            std::string pattern;
            for (std::size_t i = 0; i < count; ++i) pattern += step;
            EXPECT_EQ(matches(pattern, std::string(count, 'a')), count <= 255) << count << step;
            EXPECT_FALSE(matches(pattern, std::string(count - 1, 'a'))) << count << step;
        }
    }
    EXPECT_FALSE(matches("*", std::string(256, 'a')));
    EXPECT_TRUE(matches("*", std::string(255, 'a')));
}

// FS-03: with any pattern, three thousand names of maximum length take a few milliseconds. Some of these patterns took
// seconds.
// CVE-1999-0349 CVE-2001-1501 CVE-2002-0073 CVE-2005-0256 CVE-2006-6565 CVE-2009-3023 CVE-2010-2632 CVE-2011-0418
// CVE-2011-0762.
TEST(wildcard, no_pattern_is_slow) {
    const auto repeat = [](std::string_view text, std::size_t bytes) {
        std::string out;
        while (out.size() + text.size() <= bytes) out += text;
        return out;
    };
    const std::string patterns[] = {repeat("*a", 3900),
                                    "*[" + repeat("a", 3900),
                                    repeat("*[b", 3900),
                                    "*[" + repeat("b-c", 3600) + "]",
                                    "*" + repeat("?", 200) + "[" + repeat("a", 3000),
                                    repeat("*a", 400) + "b",
                                    repeat("*?", 500) + "b",
                                    "*" + repeat("a", 127) + "b",
                                    repeat("[", 3900),
                                    repeat("*[!b]", 1200) + "b",
                                    repeat("[\x01-\xff", 3900) + "]"};
    std::vector<std::string> names;
    for (int i = 0; i < 3000; ++i) names.push_back(std::to_string(10000 + i) + std::string(250, 'a'));
    for (const auto& pattern : patterns) {
        // Processor time, as the machine may have other work.
        const auto start = std::clock();
        const wildcard compiled(pattern);
        std::size_t found = 0;
        for (const auto& name : names) found += compiled.matches(name) ? 1U : 0U;
        EXPECT_LE(found, names.size());
        EXPECT_LT(std::clock() - start, 2 * CLOCKS_PER_SEC) << pattern.substr(0, 20);
    }
}

}  // namespace
}  // namespace sallyport::server
