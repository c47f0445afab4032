#include <sallyport/gate/backend_parameters.hpp>

#include <set>

#include <gtest/gtest.h>

namespace sallyport::gate {
namespace {

std::string error_of(std::string_view text) {
    backend b;
    return read_backend_parameter(text, b);
}

TEST(BackendParameters, EachIsOneRow) {
    std::set<std::string_view> names;
    for (const auto& row : backend_parameter_table()) {
        EXPECT_TRUE(names.insert(row.name()).second) << row.form;
        EXPECT_LE(row.help.size(), 76U) << row.form;
        EXPECT_FALSE(row.default_text.empty()) << row.form;
        EXPECT_NE(error_of(std::string(row.name())), "") << "a name without a value: " << row.form;
        EXPECT_NE(error_of(std::string(row.name()) + "="), "") << row.form;
    }
}

TEST(BackendParameters, AnErrorQuotesTheRow) {
    EXPECT_EQ(error_of("weight=0"),
              "invalid parameter \"weight=0\"; use weight=N: Share of sessions relative to other backends (1 to 256)");
    EXPECT_EQ(error_of("weight=256"), "");
}

TEST(BackendParameters, AnUnknownOneIsNamedWithTheClosest) {
    EXPECT_EQ(error_of("wieght=3"),
              "unknown parameter \"wieght\"; did you mean weight? See 'sallyport gate --help' for the list");
    EXPECT_EQ(error_of("colour=red"), "unknown parameter \"colour\"; see 'sallyport gate --help' for the list");
    for (const auto* old : {"mirror=30000-30009", "outside=192.0.2.1", "proxy=v1", "proxy-data=yes"})
        EXPECT_TRUE(error_of(old).starts_with("unknown parameter")) << old;
    EXPECT_TRUE(error_of("resolve=a").starts_with("invalid parameter"));
}

}  // namespace
}  // namespace sallyport::gate
