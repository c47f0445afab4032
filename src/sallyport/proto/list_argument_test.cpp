#include <sallyport/proto/list_argument.hpp>

#include <gtest/gtest.h>

namespace sallyport::proto {
namespace {

struct row {
    std::string_view text;
    std::string_view path;
    std::string_view pattern;
    bool show_hidden;
};

TEST(list_argument, takes_options_path_and_pattern_apart) {
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
    };
    for (const row& r : rows) {
        const list_argument got = list_argument::parse(r.text);
        EXPECT_EQ(got.path, r.path) << r.text;
        EXPECT_EQ(got.pattern, r.pattern) << r.text;
        EXPECT_EQ(got.show_hidden, r.show_hidden) << r.text;
    }
}

}  // namespace
}  // namespace sallyport::proto
