// Which of two sources of options counts.

#include <sallyport/cli/option_layers.hpp>

#include <gtest/gtest.h>

#include <sallyport/cli/test_program.hpp>

namespace sallyport::cli {
namespace {

TEST(OptionLayers, TheCommandLineTakesPrecedence) {
    const option_values site{{"timeout", {"5"}}, {"ca", {"a.pem"}}};
    EXPECT_EQ(without_overridden(site, {{"timeout", {"9"}}}), (option_values{{"ca", {"a.pem"}}}));
    EXPECT_EQ(without_overridden(site, {}), site);
}

TEST(OptionLayers, AnOptionOverridesThoseThatItExcludes) {
    const option_values site{{"passive", {"true"}}, {"data-methods", {"pasv"}}, {"ipv4", {"true"}}};
    EXPECT_EQ(without_overridden(site, {{"active", {"true"}}}), (option_values{{"ipv4", {"true"}}}));
    EXPECT_EQ(without_overridden(site, {{"ipv6", {"true"}}}),
              (option_values{{"passive", {"true"}}, {"data-methods", {"pasv"}}}));
}

TEST(OptionLayers, OptionsThatACommandDoesNotHaveAreLeftOut) {
    const test_program program;
    EXPECT_EQ(known_to(*program.copy, {{"loud", {"true"}}, {"speed", {"fast"}}, {"SOURCE", {"x"}}}),
              (option_values{{"loud", {"true"}}}));
}

}  // namespace
}  // namespace sallyport::cli
