#include <sallyport/cli/server_probes.hpp>

#include <gtest/gtest.h>

namespace sallyport::cli {
namespace {

TEST(server_probes, results_are_compared_by_their_names) {
    const auto compared = compare_probes({{"login", "230"}, {"FEAT HASH", "yes"}, {"upload a file", "226"}},
                                         {{"login", "230"}, {"upload a file", "550"}, {"FEAT MLST", "yes"}});
    ASSERT_EQ(compared.size(), 4U);
    EXPECT_TRUE(compared[0].is_same);
    EXPECT_EQ(compared[1].after, "-");
    EXPECT_FALSE(compared[1].is_same);
    EXPECT_EQ(compared[2].before, "226");
    EXPECT_EQ(compared[2].after, "550");
    EXPECT_EQ(compared[3].name, "FEAT MLST");
    EXPECT_EQ(compared[3].before, "-");
    EXPECT_TRUE(compare_probes({}, {}).empty());
}

}  // namespace
}  // namespace sallyport::cli
