#include <sallyport/status/counters.hpp>

#include <gtest/gtest.h>

namespace sallyport::status {
namespace {

TEST(Counters, SnapshotShowsWhatWasCounted) {
    counters c;
    count(c.sessions_open);
    count(c.sessions_open);
    uncount(c.sessions_open);
    count(c.bytes_sent, 13 * 1024 * 1024);
    count(c.strangers_refused);
    count(c.active_connects_failed, 2);
    const auto s = c.take();
    EXPECT_EQ(s.sessions_open, 1U);
    EXPECT_EQ(s.line(),
              "1 session, 0 transfers running, 0 done, 0 failed, 13.0 MiB sent, 0 B received, 1 stranger refused, "
              "2 active connections failed");
}

TEST(Counters, BytesAreReadable) {
    EXPECT_EQ(format_bytes(0), "0 B");
    EXPECT_EQ(format_bytes(1023), "1023 B");
    EXPECT_EQ(format_bytes(1536), "1.5 KiB");
    EXPECT_EQ(format_bytes(UINT64_MAX), "16384.0 PiB");
}

}  // namespace
}  // namespace sallyport::status
