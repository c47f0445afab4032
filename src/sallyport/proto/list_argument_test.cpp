#include <sallyport/proto/list_argument.hpp>

#include <string>

#include <gtest/gtest.h>

namespace sallyport::proto {
namespace {

struct row {
    std::string_view text;
    std::string_view path;
    std::string_view pattern;
    bool show_hidden;
    std::string_view name = {};  // where it is not path and pattern
    std::string_view unusual = {};
};

// CVE-2019-20176.
TEST(list_argument, separates_options_path_and_pattern) {
    constexpr row rows[] = {
        {"", "", "", false},
        {"dir", "dir", "", false},
        {"-la", "", "", true},
        {"-l dir", "dir", "", false},
        {"-l -A  my dir", "my dir", "", true},
        {"*.txt", "", "*.txt", false},
        {"-a a/b/*.t?t", "a/b/", "*.t?t", true},
        {"/*", "/", "*", false},
        {"a*/b", "a*/b", "", false},  // wildcards count in the last component only
        {"-- -x", "-x", "", false},
        {"dir -x", "dir -x", "", false},
        {"-", "", "", false},
        {"-1aAC dir", "dir", "", true},
        {"-old", "", "", false, "", "-old"},
        {"-la -old dir", "dir", "", true, "dir", "-old dir"},
        {"-o -n", "", "", false, "", "-o -n"},
        {"a/[2020] b", "a/", "[2020] b", false, "a/[2020] b"},
    };
    for (const row& r : rows) {
        const list_argument got = list_argument::parse(r.text);
        EXPECT_EQ(got.path, r.path) << r.text;
        EXPECT_EQ(got.pattern, r.pattern) << r.text;
        EXPECT_EQ(got.show_hidden, r.show_hidden) << r.text;
        EXPECT_EQ(got.name, r.name.empty() ? std::string(r.path) + std::string(r.pattern) : r.name) << r.text;
        EXPECT_EQ(got.unusual, r.unusual) << r.text;
    }
}

}  // namespace
}  // namespace sallyport::proto
