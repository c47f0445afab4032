#include <sallyport/reach/known_ports.hpp>

#include <gtest/gtest.h>

namespace sallyport::reach {
namespace {

TEST(alg_ports, include_ports_that_middleboxes_inspect) {
    using ports = std::initializer_list<std::uint16_t>;
    for (const auto port : ports{5060, 5061, 1720, 1723, 554, 2000, 6667}) EXPECT_TRUE(is_alg_port(port)) << port;
    for (const auto port : ports{21, 2021, 50000, 65535}) EXPECT_FALSE(is_alg_port(port)) << port;
}

TEST(ephemeral_range, is_read_from_the_system) {
    const auto range = ephemeral_range();
    EXPECT_GT(range.size(), 1U);
    EXPECT_GE(range.first, 1024U);
}

}  // namespace
}  // namespace sallyport::reach
