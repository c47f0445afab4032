#include <sallyport/proto/feature_set.hpp>

#include <gtest/gtest.h>

namespace sallyport::proto {
namespace {

TEST(feature_set, reads_what_it_knows_and_ignores_the_rest) {
    const reply r{211, {"Features:", " EPSV", " MLST type*;size*;", " REST STREAM", " SIZE", " utf8", " XYZZY", "End"}};
    const auto f = feature_set::parse(r);
    EXPECT_EQ(f, (feature_set{.known = true, .utf8 = true, .mlst = true, .size = true, .rest_stream = true, .tvfs = false}));
}

TEST(feature_set, names_the_commands_for_hashes) {
    const auto f = feature_set::parse(
        reply{211, {"Features:", " HASH SHA-256*;MD5", " XCRC filename;start;end", " xsha256", " XMD4", "End"}});
    EXPECT_TRUE(f.hash);
    EXPECT_EQ(f.checksums, (std::vector<std::string>{"XCRC", "XSHA256"}));
}

TEST(feature_set, the_first_and_last_line_are_text) {
    EXPECT_EQ(feature_set::parse(reply{211, {"UTF8", "SIZE"}}), feature_set{.known = true});
    EXPECT_EQ(feature_set::parse(reply{211, {"no features"}}), feature_set{.known = true});
}

TEST(feature_set, an_unknown_server_may_have_mlsd) {
    EXPECT_TRUE(feature_set{}.may_have_mlsd());
    EXPECT_FALSE(feature_set{.known = true}.may_have_mlsd());
}

}  // namespace
}  // namespace sallyport::proto
