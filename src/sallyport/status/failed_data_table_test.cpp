#include <sallyport/status/failed_data_table.hpp>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::status {
namespace {

using namespace std::chrono_literals;
using testing::SizeIs;

constexpr failed_data_table::clock::time_point start{};

ip_address at(std::string_view text) { return *ip_address::parse(text); }

// S7
TEST(FailedDataTable, S7_CountsByCauseAndNetwork) {
    failed_data_table table;
    table.add("data-ports-dropped", "server", at("192.0.2.7"), start);
    table.add("data-ports-dropped", "undecided", at("192.0.2.200"), start + 1s);
    table.add("active-blocked", "undecided", at("192.0.2.7"), start + 2s);
    table.add("active-blocked", "undecided", at("2001:db8:1:2:3::4"), start + 3s);
    const auto all = table.list(start + 10s);
    ASSERT_THAT(all, SizeIs(3));
    EXPECT_EQ(all[0].network, "2001:db8:1:2::/64");
    EXPECT_EQ(all[2].id, "data-ports-dropped");
    EXPECT_EQ(all[2].network, "192.0.2.0/24");
    EXPECT_EQ(all[2].count, 2U);
    EXPECT_EQ(all[2].age, 9s);
    EXPECT_EQ(all[2].side, "undecided");
}

// S7: several backends may be in one network.
TEST(FailedDataTable, S7_CountsTheBackendLegByAddress) {
    failed_data_table table;
    table.add("data-ports-refused", "undecided", at("192.0.2.7"), start);
    table.add("data-ports-refused", "undecided", at("192.0.2.7"), start, true);
    table.add("data-ports-refused", "undecided", at("192.0.2.8"), start, true);
    const auto all = table.list(start);
    ASSERT_THAT(all, SizeIs(3));
    EXPECT_EQ(all[0].network, "192.0.2.8");
    EXPECT_TRUE(all[0].on_backend_leg);
    EXPECT_EQ(all[2].network, "192.0.2.0/24");
    EXPECT_FALSE(all[2].on_backend_leg);
}

TEST(FailedDataTable, IsBounded) {
    failed_data_table table;
    for (unsigned i = 0; i < failed_data_table::max_rows; ++i)
        table.add("active-blocked", "undecided", at(fmt::format("10.{}.{}.1", i / 256, i % 256)), start);
    // The first one is counted again, so that the second one is dropped.
    table.add("active-blocked", "undecided", at("10.0.0.9"), start + 1s);
    table.add("active-blocked", "undecided", at("192.0.2.7"), start + 2s);
    const auto all = table.list(start + 2s);
    ASSERT_THAT(all, SizeIs(failed_data_table::max_rows));
    EXPECT_EQ(all[0].network, "192.0.2.0/24");
    EXPECT_EQ(all[1].network, "10.0.0.0/24");
    EXPECT_EQ(all[1].count, 2U);
    EXPECT_EQ(all.back().network, "10.0.2.0/24");
    EXPECT_EQ(table.totals(), (std::map<std::string, std::uint64_t>{{"active-blocked", failed_data_table::max_rows + 2}}));
}

}  // namespace
}  // namespace sallyport::status
