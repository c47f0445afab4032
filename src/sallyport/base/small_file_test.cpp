#include <sallyport/base/small_file.hpp>

#include <cstdio>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sallyport {
namespace {

TEST(small_file, reads_only_regular_files_up_to_a_maximum_size) {
    const std::string file = testing::TempDir() + "sallyport_small_file_" + std::to_string(getpid());
    const auto with = [&](const std::string& content) {
        std::ofstream(file, std::ios::binary) << content;
        return read_small_file(file, 100'000);
    };
    EXPECT_EQ(with("").value(), "");
    EXPECT_EQ(with(std::string("a\0b\n", 4)).value(), std::string("a\0b\n", 4));
    EXPECT_EQ(with(std::string(100'000, 'x')).value().size(), 100'000U);
    EXPECT_EQ(with(std::string(100'001, 'x')).error().code, errc::too_long);
    std::remove(file.c_str());
    EXPECT_EQ(read_small_file(file).error().code, errc::not_found);
    ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
    EXPECT_EQ(read_small_file(file).error().code, errc::not_a_file);
    std::remove(file.c_str());
    EXPECT_EQ(read_small_file(testing::TempDir()).error().code, errc::not_a_file);
    EXPECT_EQ(read_small_file("/dev/zero").error().text(), "/dev/zero: not a regular file");
}

}  // namespace
}  // namespace sallyport
