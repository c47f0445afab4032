#include <sallyport/status/counters.hpp>

#include <set>
#include <string_view>

#include <gtest/gtest.h>

namespace sallyport::status {
namespace {

TEST(Counters, SnapshotShowsWhatWasCounted) {
    counters c;
    count(c.sessions_open);
    count(c.sessions_open);
    uncount(c.sessions_open);
    count(c.bytes_sent, 13 * 1024 * 1024);
    count(c.unexpected_peers);
    count(c.active_connects_failed, 2);
    const auto s = c.read();
    EXPECT_EQ(s.sessions_open, 1U);
    EXPECT_EQ(s.line(),
              "1 session, 0 transfers running, 0 complete, 0 failed, 13.0 MiB sent, 0 B received, 1 unexpected peer, "
              "2 failed active data connections");
}

// A counter that the table lacks would be neither copied nor shown. Before the times, both structures hold counters alone.
TEST(Counters, TheTableHasEveryCounterOnce) {
    EXPECT_EQ(counter_table().size(), (sizeof(counters) - sizeof(counters::times)) / sizeof(counter));
    EXPECT_EQ(counter_table().size(), (sizeof(counter_snapshot) - sizeof(counter_snapshot::times)) / sizeof(std::uint64_t));
    counters c;
    counter_snapshot s;
    std::set<const void*> live;
    std::set<const void*> copies;
    std::set<std::string_view> names;
    for (const auto& row : counter_table()) {
        live.insert(&(c.*row.live));
        copies.insert(&(s.*row.value));
        names.insert(row.name);
        EXPECT_TRUE(row.help.ends_with('.')) << row.name;
        EXPECT_FALSE(row.singular.empty() || row.plural.empty()) << row.name;
    }
    EXPECT_EQ(live.size(), counter_table().size());
    EXPECT_EQ(copies.size(), counter_table().size());
    EXPECT_EQ(names.size(), counter_table().size());
}

TEST(Counters, TheTableCopiesEachCounterToItsOwnPlace) {
    for (const auto& row : counter_table()) {
        counters c;
        count(c.*row.live, 7);
        const auto s = c.read();
        for (const auto& other : counter_table()) EXPECT_EQ(s.*other.value, &other == &row ? 7U : 0U) << row.name;
    }
}

TEST(Counters, TheCountsOfOneNameAgree) {
    counters c;
    count(c.rejected_max_sessions);
    count(c.logins_refused, 2);
    count(c.sessions_open, 3);
    for (const auto& row : counter_table()) {
        const std::uint64_t expected = row.name == "max_sessions"   ? 1
                                       : row.name == "login_failed" ? 2
                                       : row.name == "sessions"     ? 3
                                                                    : 0;
        EXPECT_EQ(c.read().*row.value, expected) << row.name;
    }
}

TEST(Counters, TheSnapshotHasTheTimes) {
    counters c;
    c.times.downloads.add(std::chrono::milliseconds(3));
    c.times.uploads.add(std::chrono::milliseconds(4));
    c.times.listings.add(std::chrono::milliseconds(5));
    c.times.data_connections.add(std::chrono::milliseconds(6));
    const auto times = c.read().times;
    EXPECT_EQ(times.downloads.microseconds, 3000U);
    EXPECT_EQ(times.uploads.microseconds, 4000U);
    EXPECT_EQ(times.listings.microseconds, 5000U);
    EXPECT_EQ(times.data_connections.microseconds, 6000U);
}

TEST(Counters, TextsHaveSingularAndPlural) {
    const auto& row = counter_table().back();
    EXPECT_EQ(count_text(row, 1), "1 request without a free passive port");
    EXPECT_EQ(count_text(row, 2), "2 requests without a free passive port");
}

TEST(Counters, BytesAreReadable) {
    EXPECT_EQ(format_bytes(0), "0 B");
    EXPECT_EQ(format_bytes(1023), "1023 B");
    EXPECT_EQ(format_bytes(1536), "1.5 KiB");
    EXPECT_EQ(format_bytes(UINT64_MAX), "16384.0 PiB");
}

}  // namespace
}  // namespace sallyport::status
