#include <sallyport/base/log.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>

#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace sallyport {
namespace {

TEST(Log, WritesOneLinePerEventWithItsSessionAndFiltersByLevel) {
    const std::string path = testing::TempDir() + "sallyport_log_" + std::to_string(getpid());
    ASSERT_TRUE(log::open(path, log::level::info));
    log::info({.session = "s1"}, "Connection accepted from 192.0.2.1:40000");
    log::debug({.session = "s1"}, "not wanted");
    log::error({}, "stopping");
    EXPECT_TRUE(log::flush(log::clock::now() + std::chrono::seconds(10)));
    ASSERT_TRUE(log::open("-", log::level::off));
    std::ifstream in(path);
    std::stringstream all;
    all << in.rdbuf();
    std::remove(path.c_str());
    EXPECT_NE(all.str().find(" I [s1] Connection accepted from 192.0.2.1:40000\n"), std::string::npos) << all.str();
    EXPECT_NE(all.str().find(" E stopping\n"), std::string::npos) << all.str();
    EXPECT_EQ(all.str().find("not wanted"), std::string::npos);
}

TEST(Log, ContinuesInANewFileAfterRotation) {
    const std::string path = testing::TempDir() + "sallyport_rotated_" + std::to_string(getpid());
    const std::string moved = path + ".1";
    const auto text_of = [](const std::string& file) {
        std::ifstream in(file);
        return std::string(std::istreambuf_iterator<char>(in), {});
    };
    ASSERT_TRUE(log::open(path, log::level::info));
    log::info({}, "before");
    std::rename(path.c_str(), moved.c_str());
    log::reopen();
    log::info({}, "after");
    EXPECT_TRUE(log::flush(log::clock::now() + std::chrono::seconds(10)));
    ASSERT_TRUE(log::open("-", log::level::off));
    EXPECT_TRUE(text_of(moved).ends_with(" I before\n")) << text_of(moved);
    EXPECT_TRUE(text_of(path).ends_with(" I after\n")) << text_of(path);
    std::remove(path.c_str());
    std::remove(moved.c_str());
}

TEST(Log, MakesItsFileReadableForOwnerAndGroupOnly) {
    const std::string path = testing::TempDir() + "sallyport_mode_" + std::to_string(getpid());
    const mode_t before = ::umask(0);
    ASSERT_TRUE(log::open(path, log::level::info));
    ::umask(before);
    ASSERT_TRUE(log::open("-", log::level::off));
    struct stat made{};
    ASSERT_EQ(::stat(path.c_str(), &made), 0);
    EXPECT_EQ(made.st_mode & 0777U, 0640U);
    std::remove(path.c_str());
}

TEST(Log, DoesNotMakeTheDirectoryOfItsFile) {
    const std::string missing = testing::TempDir() + "sallyport_no_directory_" + std::to_string(getpid());
    const auto refused = log::open(missing + "/the.log", log::level::info);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().what, "its directory does not exist; create the directory first");
    EXPECT_NE(::access(missing.c_str(), F_OK), 0);
}

TEST(Log, LimitsTheLinesOfOneSourceAndReportsHowManyWereSuppressed) {
    const std::string path = testing::TempDir() + "sallyport_limited_" + std::to_string(getpid());
    const auto noisy = *ip_address::parse("2001:db8::1");
    const auto other = *ip_address::parse("192.0.2.9");
    ASSERT_TRUE(log::open(path, log::level::info));
    for (int i = 0; i < 10'000; ++i) log::write_limited(log::level::info, {.session = "s"}, noisy, "noise");
    log::write_limited(log::level::info, {.session = "s"}, other, "shown");
    ASSERT_TRUE(log::open("-", log::level::off));
    std::ifstream in(path);
    const std::string all(std::istreambuf_iterator<char>(in), {});
    std::remove(path.c_str());
    EXPECT_LT(std::ranges::count(all, '\n'), 300) << all;
    EXPECT_NE(all.find("shown"), std::string::npos);
}

}  // namespace
}  // namespace sallyport
