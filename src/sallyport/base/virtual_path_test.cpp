#include <sallyport/base/virtual_path.hpp>

#include <string>

#include <gtest/gtest.h>

namespace sallyport {
namespace {

std::string from(std::string_view cwd, std::string_view text) {
    const auto base = virtual_path().resolve(cwd);
    const auto path = base ? base->resolve(text) : std::nullopt;
    return path ? path->text() : "refused";
}

TEST(VirtualPath, NormalisesOnceAndNeverLeavesTheRoot) {
    EXPECT_EQ(from("/a", "b"), "/a/b");
    EXPECT_EQ(from("/a", "/b//c/./d"), "/b/c/d");
    EXPECT_EQ(from("/a/b", ".."), "/a");
    EXPECT_EQ(from("/a", "../../../etc/passwd"), "/etc/passwd");
    EXPECT_EQ(from("/", "a/../../.."), "/");
    EXPECT_EQ(from("/x", ""), "/x");
    EXPECT_EQ(from("/x", "~"), "/x/~");
    EXPECT_EQ(from("/", "a b/\xc3\xa4"), "/a b/\xc3\xa4");
}

TEST(VirtualPath, RefusesControlBytesAndExcess) {
    EXPECT_EQ(from("/", std::string_view("a\0b", 3)), "refused");
    EXPECT_EQ(from("/", "a\rb"), "refused");
    EXPECT_EQ(from("/", std::string(256, 'a')), "refused");
    EXPECT_EQ(from("/", std::string(255, 'a')), "/" + std::string(255, 'a'));
    std::string deep;
    for (int i = 0; i < 300; ++i) deep += "d/";
    EXPECT_EQ(from("/", deep), "refused");
}

TEST(VirtualPath, NamesItsParts) {
    const auto path = *virtual_path().resolve("/a/b.txt");
    EXPECT_EQ(path.name(), "b.txt");
    EXPECT_EQ(path.parent().text(), "/a");
    EXPECT_EQ(path.beneath(), "a/b.txt");
    EXPECT_EQ(virtual_path().beneath(), ".");
    EXPECT_EQ(virtual_path().name(), "");
}

}  // namespace
}  // namespace sallyport
