#include <sallyport/cli/progress_bar.hpp>

#include <gtest/gtest.h>

namespace sallyport::cli {
namespace {

using namespace std::chrono_literals;

TEST(progress_bar, sizes_and_times_are_readable) {
    EXPECT_EQ(readable_size(0), "0 B");
    EXPECT_EQ(readable_size(1023), "1023 B");
    EXPECT_EQ(readable_size(1536), "1.5 KiB");
    EXPECT_EQ(readable_size(5e9), "4.7 GiB");
    EXPECT_EQ(readable_time(7s), "0:07");
    EXPECT_EQ(readable_time(754s), "12:34");
    EXPECT_EQ(readable_time(3723s), "1:02:03");
}

TEST(progress_bar, shows_percentage_rate_and_time_left) {
    const auto line = progress_line("x", 512 * 1024, 1024 * 1024, 0, 1s, 120);
    EXPECT_NE(line.find(" 50%"), line.npos) << line;
    EXPECT_NE(line.find("512 KiB/s"), line.npos) << line;
    EXPECT_NE(line.find("0:01 left"), line.npos) << line;
    EXPECT_NE(line.find("===="), line.npos) << line;
}

TEST(progress_bar, the_rate_counts_only_what_moved_now) {
    EXPECT_NE(progress_line("x", 2048, 4096, 1024, 1s, 120).find("1.0 KiB/s"), std::string::npos);
}

TEST(progress_bar, an_unknown_or_zero_size_has_no_percentage) {
    EXPECT_EQ(progress_line("x", 10, std::nullopt, 0, 1s, 120).find('%'), std::string::npos);
    EXPECT_EQ(progress_line("x", 0, 0, 0, 0ms, 120).find('%'), std::string::npos);
}

TEST(progress_bar, keeps_to_the_width_and_escapes_names) {
    for (std::size_t width = 1; width < 120; ++width)
        EXPECT_LE(progress_line("a long name of a file", 123456, 1234567, 0, 1s, width).size(), width);
    EXPECT_EQ(progress_line("\x1b[2J", 1, 2, 0, 1s, 120).find('\x1b'), std::string::npos);
}

TEST(progress_bar, more_than_announced_is_no_harm) {
    EXPECT_NE(progress_line("x", 20, 10, 0, 1s, 120).find("100%"), std::string::npos);
}

}  // namespace
}  // namespace sallyport::cli
