// The plan of a mirror: what is copied, made and deleted, and how much may be deleted.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include <fmt/format.h>

#include <sallyport/client/mirror_plan.hpp>

namespace sallyport::client {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

tree_entry file(std::uint64_t size, std::int64_t time, std::int64_t precision = 0) {
    return {false, false, size, time, precision};
}
const tree_entry directory{true, false, 0, std::nullopt, 0};
const tree_entry special{false, true, 0, std::nullopt, 0};

std::vector<std::string> copied(const mirror_plan& plan) {
    std::vector<std::string> out;
    for (const auto& c : plan.copies) out.push_back(fmt::format("{} {}", c.path, name(c.reason)));
    return out;
}

TEST(client_mirror_plan, copies_what_is_missing_or_differs) {
    const tree_listing source{
        {"a", directory}, {"a/new", file(1, 5)}, {"a/same", file(2, 5)}, {"longer", file(3, 5)}, {"newer", file(4, 9)}};
    const tree_listing target{
        {"a", directory}, {"a/same", file(2, 5)}, {"longer", file(2, 5)}, {"newer", file(4, 5)}, {"other", file(1, 1)}};
    const auto plan = plan_mirror(source, target, {});
    EXPECT_THAT(copied(plan), ElementsAre("a/new missing", "longer size", "newer time"));
    EXPECT_EQ(plan.unchanged, 1U);
    EXPECT_THAT(plan.remove_files, IsEmpty());
    EXPECT_THAT(copied(plan_mirror(source, target, {.by = compare_by::size})), ElementsAre("a/new missing", "longer size"));
}

TEST(client_mirror_plan, a_listing_without_seconds_is_no_difference) {
    EXPECT_THAT(copied(plan_mirror({{"f", file(1, 100)}}, {{"f", file(1, 60, 60)}}, {})), IsEmpty());
    EXPECT_THAT(copied(plan_mirror({{"f", file(1, 200)}}, {{"f", file(1, 60, 60)}}, {})), ElementsAre("f time"));
}

TEST(client_mirror_plan, an_older_source_is_a_difference_if_the_target_keeps_times) {
    const tree_listing source{{"f", file(1, 50)}};
    const tree_listing target{{"f", file(1, 100)}};
    EXPECT_THAT(copied(plan_mirror(source, target, {})), ElementsAre("f time"));
    EXPECT_THAT(copied(plan_mirror(source, target, {.target_has_times = false})), IsEmpty());
}

TEST(client_mirror_plan, deletes_files_and_then_directories_from_the_deepest) {
    const tree_listing target{
        {"d", directory}, {"d/e", directory}, {"d/e/f", file(1, 1)}, {"g", file(1, 1)}, {"keep", file(1, 1)}};
    const auto plan = plan_mirror({{"keep", file(1, 1)}}, target, {.remove = true});
    EXPECT_THAT(plan.remove_files, ElementsAre("d/e/f", "g"));
    EXPECT_THAT(plan.remove_directories, ElementsAre("d/e", "d"));
}

TEST(client_mirror_plan, links_and_unfinished_downloads_stay) {
    const tree_listing source{{"a", file(1, 1)}, {"link", special}};
    const tree_listing target{
        {"a.part", file(1, 1)}, {"a.part.from", file(1, 1)}, {"b.part", file(1, 1)}, {"d", directory}, {"d/link", special}};
    const auto plan = plan_mirror(source, target, {.remove = true});
    EXPECT_THAT(plan.remove_files, ElementsAre("b.part"));
    EXPECT_THAT(plan.remove_directories, IsEmpty());
    EXPECT_THAT(copied(plan), ElementsAre("a missing"));
    EXPECT_EQ(plan.special, 1U);
}

TEST(client_mirror_plan, a_file_is_not_written_over_a_directory_or_a_link) {
    const auto plan =
        plan_mirror({{"a", file(1, 1)}, {"b", directory}, {"c", file(1, 1)}},
                    {{"a", directory}, {"a/below", file(1, 1)}, {"a/d", directory}, {"b", file(1, 1)}, {"c", special}},
                    {.remove = true});
    EXPECT_THAT(plan.conflicts, ElementsAre("a", "b", "c"));
    EXPECT_THAT(copied(plan), IsEmpty());
    EXPECT_THAT(plan.remove_files, IsEmpty());
    EXPECT_THAT(plan.remove_directories, IsEmpty());
}

TEST(client_mirror_plan, what_is_below_a_conflict_is_not_copied) {
    const tree_listing source{
        {"a", directory}, {"a/b", directory}, {"a/b/c", file(1, 1)}, {"d", directory}, {"d/e", file(1, 1)}};
    const auto plan = plan_mirror(source, {{"a", special}, {"d", file(1, 1)}}, {});
    EXPECT_THAT(plan.conflicts, ElementsAre("a", "d"));
    EXPECT_THAT(copied(plan), IsEmpty());
    EXPECT_THAT(plan.make_directories, IsEmpty());
}

TEST(client_mirror_plan, a_file_with_the_name_of_a_partial_file_is_refused) {
    const tree_listing source{
        {"a", file(1, 1)}, {"a.part", file(1, 1)}, {"a.part.from", file(1, 1)}, {"b.part", file(1, 1)}};
    const auto plan = plan_mirror(source, {}, {});
    EXPECT_THAT(plan.part_names, ElementsAre("a.part", "a.part.from"));
    EXPECT_THAT(copied(plan), ElementsAre("a missing", "b.part missing"));
    const auto up = plan_mirror(source, {}, {.target_has_parts = false});
    EXPECT_THAT(up.part_names, IsEmpty());
    EXPECT_EQ(up.copies.size(), 4U);
}

mirror_plan deleting(std::size_t wanted, std::size_t of) {
    mirror_plan out;
    out.remove_files.resize(wanted);
    out.target_files = of;
    return out;
}

TEST(client_mirror_plan, deletions_have_a_limit) {
    const deletion_limit usual;
    EXPECT_TRUE(usual.allows(deleting(0, 0)));
    EXPECT_TRUE(usual.allows(deleting(100, 200)));
    EXPECT_FALSE(usual.allows(deleting(101, 200)));
    EXPECT_TRUE(usual.allows(deleting(150, 1500)));
    EXPECT_FALSE(usual.allows(deleting(151, 1500)));
    EXPECT_FALSE(usual.allows(deleting(5, 5))) << "an empty source";
    EXPECT_TRUE((deletion_limit{5, {}}.allows(deleting(5, 5))));
    EXPECT_FALSE((deletion_limit{4, {}}.allows(deleting(5, 100))));
    EXPECT_TRUE((deletion_limit{{}, 50.0}.allows(deleting(5, 10))));
    EXPECT_FALSE((deletion_limit{{}, 50.0}.allows(deleting(6, 10))));
}

}  // namespace
}  // namespace sallyport::client
