#include <sallyport/base/closest.hpp>

#include <gtest/gtest.h>

namespace sallyport {
namespace {

const std::vector<std::string> commands{"up", "serve", "gate", "get", "put", "ls", "user", "cert"};

TEST(Closest, FindsTheIntendedWord) {
    EXPECT_EQ(closest("sevre", commands), "serve");
    EXPECT_EQ(closest("SERVE", commands), "serve");
    EXPECT_EQ(closest("gat", commands), "gate");
    EXPECT_EQ(closest("users", commands), "user");
    EXPECT_EQ(closest("--passiv-port", {"--passive-ports", "--active-ports"}), "--passive-ports");
    EXPECT_EQ(closest("wieght", {"weight", "state"}), "weight");
    EXPECT_EQ(closest("--health", {"--health-check", "--heal"}), "--health-check") << "the beginning of it";
}

TEST(Closest, SuggestsNothingFarFetched) {
    EXPECT_EQ(closest("download", commands), "");
    EXPECT_EQ(closest("x", {"abc"}), "");
    EXPECT_EQ(closest("", commands), "");
    EXPECT_EQ(closest(std::string(100'000, 'a'), commands), "");
    EXPECT_EQ(closest("serve", {}), "");
    EXPECT_EQ(closest("serve", {std::string(1000, 's')}), "");
}

TEST(Closest, SuggestsInAnErrorText) {
    EXPECT_EQ(did_you_mean("sevre", commands, "see the list"), "; did you mean serve? See the list");
    EXPECT_EQ(did_you_mean("download", commands, "see the list"), "; see the list");
}

}  // namespace
}  // namespace sallyport
