// NAME:PATH in the place of a URL.

#include <sallyport/cli/site_names.hpp>

#include <gtest/gtest.h>

namespace sallyport::cli {
namespace {

TEST(SiteNames, TheyAreNoUrls) {
    EXPECT_EQ(split_site_path("partner:out/a.csv"), (site_path{"partner", "out/a.csv"}));
    EXPECT_EQ(split_site_path("my-site.2:"), (site_path{"my-site.2", ""}));
    EXPECT_EQ(split_site_path("partner:a:b"), (site_path{"partner", "a:b"}));
    for (const auto* other : {"ftp://host/", "./a:b", "out/a.csv", ":a", "", "-x:a", "a b:c", "[::1]:21"})
        EXPECT_EQ(split_site_path(other), std::nullopt) << other;
}

TEST(SiteNames, PathsAreBelowTheUrl) {
    EXPECT_EQ(url_below("ftp://h/", ""), "ftp://h/");
    EXPECT_EQ(url_below("ftp://h/", "a/b"), "ftp://h/a/b");
    EXPECT_EQ(url_below("ftpes://u@h:2121/out", "a.csv"), "ftpes://u@h:2121/out/a.csv");
    EXPECT_EQ(url_below("ftp://h/out/", "*.csv;type=a"), "ftp://h/out/*.csv;type=a");
    EXPECT_EQ(url_below("ftp://h/out/", "/etc/motd"), "ftp://h//etc/motd");
    EXPECT_EQ(client::url::parse(url_below("ftp://h/out/", "/etc/motd"))->path, "/etc/motd");
}

}  // namespace
}  // namespace sallyport::cli
