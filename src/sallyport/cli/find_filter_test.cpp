#include <sallyport/cli/find_filter.hpp>

#include <gtest/gtest.h>

#include <sallyport/cli/renaming.hpp>

namespace sallyport::cli {
namespace {

constexpr std::int64_t now_of_find = 1'800'000'000;

proto::entry entry_to_find(std::string name, std::optional<std::int64_t> modified = std::nullopt) {
    proto::entry out;
    out.name = std::move(name);
    out.has_modified = modified.has_value();
    out.modified = modified.value_or(0);
    return out;
}

TEST(find_filter, compares_names_types_and_times) {
    EXPECT_TRUE(find_filter{}.admits(entry_to_find("a")));
    const find_filter by_name{.name = "*.csv", .type = {}, .newer_than = {}, .older_than = {}};
    EXPECT_TRUE(by_name.admits(entry_to_find("a.csv")));
    EXPECT_TRUE(by_name.admits(entry_to_find(".csv")));
    EXPECT_FALSE(by_name.admits(entry_to_find("a.txt")));
    const find_filter directories{.name = {}, .type = proto::entry_type::directory, .newer_than = {}, .older_than = {}};
    EXPECT_FALSE(directories.admits(entry_to_find("a")));
    const find_filter between{.name = {}, .type = {}, .newer_than = 10, .older_than = 20};
    EXPECT_TRUE(between.admits(entry_to_find("a", 15)));
    EXPECT_FALSE(between.admits(entry_to_find("a", 10)));
    EXPECT_FALSE(between.admits(entry_to_find("a", 20)));
    EXPECT_FALSE(between.admits(entry_to_find("a"))) << "an entry without a time is neither newer nor older";
}

TEST(find_filter, reads_ages_and_dates) {
    EXPECT_EQ(parse_moment("12h", now_of_find).value(), now_of_find - 12 * 3600);
    EXPECT_EQ(parse_moment("7d", now_of_find).value(), now_of_find - 7 * 86'400);
    EXPECT_EQ(parse_moment("2026-01-31", now_of_find).value(), 1'769'817'600);
    EXPECT_EQ(parse_moment("2026-01-31T12:00", now_of_find).value(), 1'769'817'600 + 12 * 3600);
    EXPECT_EQ(parse_moment("2026-01-31T12:00:30", now_of_find).value(), 1'769'817'600 + 12 * 3600 + 30);
    for (const auto* text : {"", "x", "2026-1-31", "2026-13-01", "2026-01-31T", "-1d", "2026-01-31T12:00:30Z0"})
        EXPECT_FALSE(parse_moment(text, now_of_find)) << text;
}

TEST(renaming, keeps_the_directory_or_takes_the_path) {
    EXPECT_EQ(path_after_move("/in/a.csv", "b.csv"), "/in/b.csv");
    EXPECT_EQ(path_after_move("/in/a.csv", "done/"), "/in/done/a.csv");
    EXPECT_EQ(path_after_move("/in/a.csv", "done/b"), "/in/done/b");
    EXPECT_EQ(path_after_move("/in/a.csv", "/done/"), "/done/a.csv");
    EXPECT_EQ(path_after_move("/in/a.csv", "/done"), "/done");
    EXPECT_EQ(path_after_move("/in/directory/", "other"), "/in/other");
    EXPECT_EQ(path_after_move("a.csv", "b.csv"), "b.csv");
}

}  // namespace
}  // namespace sallyport::cli
