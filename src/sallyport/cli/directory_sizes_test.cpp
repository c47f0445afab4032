#include <sallyport/cli/directory_sizes.hpp>

#include <gtest/gtest.h>

namespace sallyport::cli {
namespace {

client::remote_entry sized_entry(const std::string& relative, proto::entry_type type, std::uint64_t size,
                                 bool has_size = true) {
    client::remote_entry out;
    out.path = "/top/" + relative;
    out.relative = relative;
    out.facts.type = type;
    out.facts.size = size;
    out.facts.has_size = has_size;
    return out;
}

TEST(directory_sizes, each_directory_has_what_is_in_it) {
    using proto::entry_type;
    client::remote_listing tree;
    tree.entries = {sized_entry("a", entry_type::directory, 4096),  sized_entry("a/b", entry_type::directory, 4096),
                    sized_entry("a/b/x", entry_type::file, 5),      sized_entry("a/y", entry_type::file, 7),
                    sized_entry("empty", entry_type::directory, 1), sized_entry("link", entry_type::link, 9),
                    sized_entry("z", entry_type::file, 11),         sized_entry("unknown", entry_type::file, 0, false)};
    const auto sizes = sizes_of(tree, "/top");
    ASSERT_EQ(sizes.directories.size(), 4U);
    EXPECT_EQ(sizes.directories[0].path, "/top/empty");
    EXPECT_EQ(sizes.directories[0].bytes, 0U);
    EXPECT_EQ(sizes.directories[1].path, "/top/a/b");
    EXPECT_EQ(sizes.directories[1].bytes, 5U);
    EXPECT_EQ(sizes.directories[2].path, "/top/a");
    EXPECT_EQ(sizes.directories[2].bytes, 12U);
    EXPECT_EQ(sizes.directories[3].path, "/top");
    EXPECT_EQ(sizes.directories[3].bytes, 23U);
    EXPECT_EQ(sizes.directories[3].files, 4U);
    EXPECT_EQ(sizes.unknown, 1U);
}

TEST(directory_sizes, a_file_is_its_own_total) {
    client::remote_listing tree;
    tree.is_file = true;
    tree.entries = {sized_entry("x", proto::entry_type::file, 5)};
    const auto sizes = sizes_of(tree, "/top/x");
    ASSERT_EQ(sizes.directories.size(), 1U);
    EXPECT_EQ(sizes.directories[0].path, "/top/x");
    EXPECT_EQ(sizes.directories[0].bytes, 5U);
}

}  // namespace
}  // namespace sallyport::cli
