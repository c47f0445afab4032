// What is stored of the facts that a run has found, and what the next run reads of it.

#include <sallyport/cli/site_memory.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::cli {
namespace {

using client::site_facts;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using enum client::data_method;

constexpr std::int64_t today = 1'900'000'000;
constexpr std::int64_t one_day = 24 * 60 * 60;

TEST(SiteMemory, FactsSurviveBeingStored) {
    const site_facts found{.method = eprt, .fails_pipelining = true, .connections = 2};
    EXPECT_EQ(facts_from(changes_between({}, found, today).learned, today + 60), found);
    EXPECT_EQ(facts_from({}, today), site_facts());
}

TEST(SiteMemory, FactsExpire) {
    const site_facts found{.method = pasv, .fails_pipelining = true, .connections = 2};
    const auto stored = changes_between({}, found, today).learned;
    EXPECT_EQ(facts_from(stored, today + one_day).connections, std::nullopt) << "others may have left";
    EXPECT_EQ(facts_from(stored, today + one_day).method, pasv);
    EXPECT_EQ(facts_from(stored, today + 7 * one_day), site_facts());
    EXPECT_EQ(facts_from(stored, today - 1), site_facts()) << "the clock was wrong";
}

TEST(SiteMemory, OnlyChangesAreWritten) {
    const site_facts known{.method = pasv, .fails_pipelining = false, .connections = 2};
    const auto none = changes_between(known, known, today);
    EXPECT_THAT(none.learned, IsEmpty());
    EXPECT_THAT(none.unlearned, IsEmpty());

    const auto other = changes_between(known, {.method = epsv, .fails_pipelining = false, .connections = {}}, today);
    EXPECT_THAT(other.learned, ElementsAre(learned_fact{"method", "EPSV", today}));
    EXPECT_THAT(other.unlearned, ElementsAre("connections"));
}

TEST(SiteMemory, WhatIsNotUnderstoodIsIgnored) {
    EXPECT_EQ(
        facts_from(
            {{"method", "SPSV", today}, {"connections", "many", today}, {"pipelining", "on", today}, {"x", "y", today}},
            today),
        site_facts());
    EXPECT_EQ(facts_from({{"connections", "0", today}}, today), site_facts());
}

}  // namespace
}  // namespace sallyport::cli
