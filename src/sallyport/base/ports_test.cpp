#include <sallyport/base/ports.hpp>

#include <gtest/gtest.h>

namespace sallyport {
namespace {

TEST(alg_ports, include_ports_that_middleboxes_inspect) {
    using ports = std::initializer_list<std::uint16_t>;
    for (const auto port : ports{5060, 5061, 1720, 1723, 554, 2000, 6667}) EXPECT_TRUE(is_alg_port(port)) << port;
    for (const auto port : ports{21, 2021, 50000, 65535}) EXPECT_FALSE(is_alg_port(port)) << port;
}

}  // namespace
}  // namespace sallyport
