#include <sallyport/proto/path_records.hpp>

#include <gtest/gtest.h>

#include <vector>

namespace sallyport::proto {
namespace {

TEST(PathRecords, ReportsEachChangeWithAbsolutePaths) {
    path_records paths;
    std::vector<path_change> changes;
    paths.on_change = [&](const path_change& c) { changes.push_back(c); };
    paths.reply_received(verb::cwd, "in", {250, {"Ok."}});
    paths.reply_received(verb::rnfr, "a", {350, {"Go on."}});
    paths.reply_received(verb::rnto, "../b", {250, {"Renamed."}});
    paths.reply_received(verb::rnto, "c", {503, {"RNFR first."}});
    paths.reply_received(verb::dele, "/x/../y", {550, {"No."}});
    paths.reply_received(verb::mkd, "d", {257, {R"("/in/d" made.)"}});
    paths.reply_received(verb::rmd, "d/", {250, {"Gone."}});
    paths.reply_received(verb::size, "f", {213, {"1"}});
    ASSERT_EQ(changes.size(), 5U);
    EXPECT_EQ(changes[0].from, "/in/a");
    EXPECT_EQ(changes[0].path, "/b");
    EXPECT_EQ(changes[0].cwd, "/in");
    EXPECT_EQ(changes[1].from, "") << "the earlier RNTO has used the name";
    EXPECT_EQ(changes[2].path, "/y");
    EXPECT_EQ(changes[2].reply, 550);
    EXPECT_EQ(changes[3].command, verb::mkd);
    EXPECT_EQ(changes[4].path, "/in/d");
}

TEST(PathRecords, ResetsAfterARefusedRenameAndALogin) {
    path_records paths;
    std::string from = "?";
    paths.on_change = [&](const path_change& c) { from = c.from; };
    paths.reply_received(verb::rnfr, "a", {350, {"Go on."}});
    paths.reply_received(verb::rnfr, "b", {550, {"No."}});
    paths.reply_received(verb::rnto, "c", {503, {"RNFR first."}});
    EXPECT_EQ(from, "");
    paths.reply_received(verb::cwd, "/in", {250, {"Ok."}});
    paths.reset();
    EXPECT_EQ(paths.directory.text(), "/");
}

TEST(PathRecords, LeavesOptionsOutOfThePath) {
    EXPECT_EQ(path_argument(verb::list, "-la in"), "in");
    EXPECT_EQ(path_argument(verb::nlst, "-a -l"), "");
    EXPECT_EQ(path_argument(verb::list, ""), "");
    EXPECT_EQ(path_argument(verb::retr, "-la in"), "-la in");
}

}  // namespace
}  // namespace sallyport::proto
