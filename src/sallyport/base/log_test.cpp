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

}  // namespace
}  // namespace sallyport
