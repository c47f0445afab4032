#include <sallyport/proto/path_records.hpp>

#include <gtest/gtest.h>

#include <vector>

namespace sallyport::proto {
namespace {

TEST(PathRecords, TellsOfEachChangeByAbsolutePaths) {
    path_records paths;
    std::vector<path_change> told;
    paths.told = [&](const path_change& c) { told.push_back(c); };
    paths.answered(verb::cwd, "in", {250, {"Ok."}});
    paths.answered(verb::rnfr, "a", {350, {"Go on."}});
    paths.answered(verb::rnto, "../b", {250, {"Renamed."}});
    paths.answered(verb::rnto, "c", {503, {"RNFR first."}});
    paths.answered(verb::dele, "/x/../y", {550, {"No."}});
    paths.answered(verb::mkd, "d", {257, {R"("/in/d" made.)"}});
    paths.answered(verb::rmd, "d/", {250, {"Gone."}});
    paths.answered(verb::size, "f", {213, {"1"}});
    ASSERT_EQ(told.size(), 5U);
    EXPECT_EQ(told[0].from, "/in/a");
    EXPECT_EQ(told[0].path, "/b");
    EXPECT_EQ(told[0].cwd, "/in");
    EXPECT_EQ(told[1].from, "") << "the rename before used it up";
    EXPECT_EQ(told[2].path, "/y");
    EXPECT_EQ(told[2].reply, 550);
    EXPECT_EQ(told[3].what, verb::mkd);
    EXPECT_EQ(told[4].path, "/in/d");
}

TEST(PathRecords, ForgetsARefusedRenameAndAnotherLogin) {
    path_records paths;
    std::string from = "?";
    paths.told = [&](const path_change& c) { from = c.from; };
    paths.answered(verb::rnfr, "a", {350, {"Go on."}});
    paths.answered(verb::rnfr, "b", {550, {"No."}});
    paths.answered(verb::rnto, "c", {503, {"RNFR first."}});
    EXPECT_EQ(from, "");
    paths.answered(verb::cwd, "/in", {250, {"Ok."}});
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
