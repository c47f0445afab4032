// Patterns of names and filters of trees.

#include <gtest/gtest.h>

#include <sallyport/client/glob.hpp>

namespace sallyport::client {
namespace {

TEST(client_glob, a_name_matches_as_in_a_shell) {
    EXPECT_TRUE(matches_name("*.csv", "a.csv"));
    EXPECT_TRUE(matches_name("a?[xy]", "abx"));
    EXPECT_TRUE(matches_name("[!a]*", "b"));
    EXPECT_FALSE(matches_name("*.csv", "a.txt"));
    EXPECT_FALSE(matches_name("*", ".hidden"));
    EXPECT_TRUE(matches_name(".*", ".hidden"));
    EXPECT_TRUE(matches_name("a\\*b", "a*b"));
    EXPECT_FALSE(matches_name("a\\*b", "axb"));
    EXPECT_TRUE(matches_name("\xff*", "\xff\xfe"));
}

TEST(client_glob, wildcards_are_recognized) {
    EXPECT_TRUE(has_wildcards("a[1].txt"));
    EXPECT_TRUE(has_wildcards("a?"));
    EXPECT_FALSE(has_wildcards("a.txt"));
    EXPECT_EQ(components_of("/a//b/"), (std::vector<std::string>{"a", "b"}));
}

TEST(client_glob, a_filter_compares_names_or_paths) {
    const name_filter csv({"*.csv"}, {"old", "private/*"});
    EXPECT_TRUE(csv.admits_file("a/b/c.csv"));
    EXPECT_FALSE(csv.admits_file("a/b/c.txt"));
    EXPECT_FALSE(csv.admits_file("private/c.csv"));
    EXPECT_TRUE(csv.admits_file("a/private/c.csv"));
    EXPECT_FALSE(csv.admits_directory("a/old"));
    EXPECT_TRUE(csv.admits_directory("a"));
    EXPECT_TRUE(name_filter().admits_file(".hidden"));
}

}  // namespace
}  // namespace sallyport::client
