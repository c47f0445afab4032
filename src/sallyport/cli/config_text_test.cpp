#include <sallyport/cli/config_text.hpp>

#include <string>

#include <gtest/gtest.h>

namespace sallyport::cli {
namespace {

std::string repeated(std::string_view part, std::size_t times) {
    std::string out;
    for (std::size_t i = 0; i < times; ++i) out += part;
    return out;
}

TEST(ConfigText, WhatPeopleWriteIsFine) {
    for (const char* text :
         {"", "listen = [\"0.0.0.0:21\", \"[::]:21\"]\n", "[passive]\nports = \"1-2\"\n",
          "a.b.c = {d = [1.5, 2.5], e = 'x'}\n", "greeting = \"........................................\"\n",
          "# ....................................... [[[[[[[[[[[[[[[[[[[[[\n",
          "a = '''\n........................................ [[[[[[[[[[[[[[[[[[[['''\n",
          "a = \"\"\"\nan \\\"\"\"\"\nb = \"[[[[[[[[[[[[[[[[[[[[[\"\n", "a = \"\\\"[[[[[[[[[[[[[[[[[[[[[[[[\"\n",
          "a = [1.1, 2.2, 3.3, 4.4, 5.5, 6.6, 7.7, 8.8, 9.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8]\n"})
        EXPECT_TRUE(check_config_text(text)) << text;
}

TEST(ConfigText, DepthIsBoundedInEachForm) {  // DU-08
    for (const auto& [text, line] : std::vector<std::pair<std::string, int>>{
             {"x = 1\n[a" + repeated(".a", 50'000) + "]\n", 2},
             {"[[a" + repeated(" . a", 50'000) + "]]\n", 1},
             {"a" + repeated(".a", 50'000) + " = 1\n", 1},
             {"a" + repeated(".'a'", 50'000) + " = 1\n", 1},
             {"a" + repeated("\t.\t\"a.b\"", 50'000) + " = 1\n", 1},
             {"a = " + repeated("[", 100'000), 1},
             {"a = " + repeated("[\n", 100'000), 17},
             {"a = " + repeated("{a=", 100'000), 1},
             {"a = " + repeated("[{a.a=", 100'000), 1},
             {"# [\n\n" + repeated("x = '''\n'''\n", 2) + "a" + repeated(".a", 17) + "=1", 7}}) {
        const auto got = check_config_text(text);
        ASSERT_FALSE(got) << text.substr(0, 40);
        EXPECT_TRUE(got.error().what.starts_with("line " + std::to_string(line) + ": ")) << got.error().what;
    }
    // Strings do not hide it: they end here where they end in TOML.
    for (const std::string before : {"a = \"\"\nb", "a = ''\nb", "a = \"x\\\"\"\nb", "a = '\\'\nb",
                                     "a = \"\"\"x\"\"\"\"\"\nb", "a = '''x'''\nb", "# \"\nb", "# '''\nb"})
        EXPECT_FALSE(check_config_text(before + repeated(".a", 50'000) + " = 1\n")) << before;
}

TEST(ConfigText, ATextThatDoesNotEndIsRefused) {
    for (const char* text : {"a = \"", "a = 'x\n'", "a = \"x\ny\"", "a = \"\"\"", "a = '''x''", "a = \"\\\n\"", "a = \"\\"})
        EXPECT_FALSE(check_config_text(text)) << text;
}

}  // namespace
}  // namespace sallyport::cli
