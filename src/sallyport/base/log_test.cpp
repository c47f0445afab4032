#include <sallyport/base/log.hpp>

#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>

#include <unistd.h>

#include <gtest/gtest.h>

namespace sallyport {
namespace {

TEST(Log, WritesOneLinePerEventWithItsSessionAndFiltersByLevel) {
    const std::string path = testing::TempDir() + "sallyport_log_" + std::to_string(getpid());
    log::open(path, log::level::info);
    log::info("s1", "Connection accepted from 192.0.2.1:40000");
    log::debug("s1", "not wanted");
    log::error("", "stopping");
    log::flush();
    log::open("-", log::level::off);
    std::ifstream in(path);
    std::stringstream all;
    all << in.rdbuf();
    std::remove(path.c_str());
    EXPECT_NE(all.str().find(" I [s1] Connection accepted from 192.0.2.1:40000\n"), std::string::npos) << all.str();
    EXPECT_NE(all.str().find(" E stopping\n"), std::string::npos) << all.str();
    EXPECT_EQ(all.str().find("not wanted"), std::string::npos);
}

TEST(Log, GoesOnInANewFileAfterTheOldOneWasMovedAway) {
    const std::string path = testing::TempDir() + "sallyport_rotated_" + std::to_string(getpid());
    const std::string moved = path + ".1";
    const auto text_of = [](const std::string& file) {
        std::ifstream in(file);
        return std::string(std::istreambuf_iterator<char>(in), {});
    };
    log::open(path, log::level::info);
    log::info("", "before");
    std::rename(path.c_str(), moved.c_str());
    log::reopen();
    log::info("", "after");
    log::flush();
    log::open("-", log::level::off);
    EXPECT_TRUE(text_of(moved).ends_with(" I before\n")) << text_of(moved);
    EXPECT_TRUE(text_of(path).ends_with(" I after\n")) << text_of(path);
    std::remove(path.c_str());
    std::remove(moved.c_str());
}

}  // namespace
}  // namespace sallyport
