#include <load/wire.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::load {
namespace {

TEST(ReplyReader, TakesASingleLine) {
    reply_reader reader;
    reader.add("220 ready\r\n");
    const auto got = reader.next();
    ASSERT_TRUE(got);
    EXPECT_EQ(got->code, 220);
    EXPECT_EQ(got->last_line, "220 ready");
    EXPECT_FALSE(reader.next());
}

TEST(ReplyReader, WaitsForTheEndOfASplitLine) {
    reply_reader reader;
    reader.add("150 Ope");
    EXPECT_FALSE(reader.next());
    reader.add("ning\r\n226 Done\r\n");
    EXPECT_EQ(reader.next()->code, 150);
    EXPECT_EQ(reader.next()->code, 226);
    EXPECT_FALSE(reader.next());
}

TEST(ReplyReader, EndsAMultiLineReplyAtItsOwnCodeOnly) {
    reply_reader reader;
    reader.add("211-Features\r\n 211 not the end\r\n200 nor this\r\n211-nor this\r\n211 End\r\n");
    const auto got = reader.next();
    ASSERT_TRUE(got);
    EXPECT_EQ(got->last_line, "211 End");
    EXPECT_FALSE(reader.next());
}

TEST(PassivePort, ReadsEveryForm) {
    EXPECT_EQ(parse_passive("227 Entering Passive Mode (127,0,0,9,204,173)."),
              (passive_target{0x7f000009, 204 * 256 + 173}));
    EXPECT_EQ(parse_passive("227 127,0,0,1,0,21"), (passive_target{0x7f000001, 21}));
}

TEST(PassivePort, RefusesWhatIsNoPort) {
    EXPECT_FALSE(parse_passive("227 Entering Passive Mode"));
    EXPECT_FALSE(parse_passive("227 (127,0,0,1,204)"));
    EXPECT_FALSE(parse_passive("227 (127,0,0,1,204,256)"));
}

}  // namespace
}  // namespace sallyport::load
