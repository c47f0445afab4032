#include <sallyport/status/session_summary.hpp>

#include <gtest/gtest.h>

namespace sallyport::status {
namespace {

TEST(SessionSummary, ASessionIsOneLine) {
    session_summary s;
    s.client = *endpoint::parse("192.0.2.7:4000");
    s.duration = std::chrono::milliseconds(12'300);
    EXPECT_EQ(text_of(s), "192.0.2.7: not logged in, 12 s");
    s.user = "an\nna";
    s.logged_in = s.tls = true;
    s.downloads = 2;
    s.sent = 1'572'864;
    s.uploads = 1;
    s.received = 5;
    s.listings = 3;
    s.failed = 1;
    EXPECT_EQ(
        text_of(s),
        "192.0.2.7: an\\x0ana, TLS, 2 files sent (1.5 MiB), 1 file received (5 B), 3 listings, 1 failed transfer, 12 s");
}

TEST(SessionSummary, BytesOfListingsAreNotThoseOfFiles) {
    session_summary s;
    add_transfer(s, transfer_kind::download, true, 10);
    add_transfer(s, transfer_kind::upload, true, 20);
    add_transfer(s, transfer_kind::upload, false, 3);
    add_transfer(s, transfer_kind::listing, true, 400);
    EXPECT_EQ((std::tuple(s.downloads, s.uploads, s.listings, s.failed)), (std::tuple(1, 1, 1, 1)));
    EXPECT_EQ((std::pair(s.sent, s.received)), (std::pair<std::uint64_t, std::uint64_t>(10, 23)));
}

}  // namespace
}  // namespace sallyport::status
