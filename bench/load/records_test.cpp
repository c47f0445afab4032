#include <load/records.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::load {
namespace {

record_header header(unsigned char type, std::size_t size) {
    return {type, 3, 3, static_cast<unsigned char>(size >> 8U), static_cast<unsigned char>(size & 0xffU)};
}

TEST(RecordTally, CountsThePlainTextOfTls13) {
    record_tally tally(true);
    EXPECT_EQ(tally.add(header(23, 16384 + 17)).value(), 16384 + 17);
    EXPECT_EQ(tally.add(header(23, 100 + 17)).value(), 100 + 17);
    EXPECT_FALSE(tally.ended());
    EXPECT_EQ(tally.add(header(23, 2 + 17)).value(), 2 + 17);  // close_notify
    EXPECT_TRUE(tally.ended());
    EXPECT_EQ(tally.content(), 16384 + 100);
}

TEST(RecordTally, CountsThePlainTextOfTls12) {
    record_tally tally(false);
    EXPECT_EQ(tally.add(header(23, 16384 + 24)).value(), 16384 + 24);
    EXPECT_EQ(tally.add(header(23, 2 + 24)).value(), 2 + 24);
    EXPECT_FALSE(tally.ended());
    EXPECT_EQ(tally.add(header(21, 2 + 24)).value(), 2 + 24);
    EXPECT_TRUE(tally.ended());
    EXPECT_EQ(tally.content(), 16384 + 2);
}

TEST(RecordTally, RefusesWhatIsNoRecord) {
    EXPECT_FALSE(record_tally(true).add(header('2', 300)));
    EXPECT_FALSE(record_tally(true).add(header(21, 2 + 17)));  // never unencrypted after a handshake
    EXPECT_FALSE(record_tally(true).add(header(23, 17)));
    EXPECT_FALSE(record_tally(false).add(header(23, 17000)));
    EXPECT_FALSE(record_tally(true).add(record_header{23, '0', '0', 1, 1}));
}

}  // namespace
}  // namespace sallyport::load
