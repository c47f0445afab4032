#include <sallyport/reach/port_facts.hpp>

#include <gtest/gtest.h>

namespace sallyport::reach {
namespace {

TEST(hijacked_ports, has_those_that_middleboxes_are_known_to_grab) {
    using ports = std::initializer_list<std::uint16_t>;
    for (const auto port : ports{5060, 5061, 1720, 1723, 554, 2000, 6667}) EXPECT_TRUE(is_hijacked_port(port)) << port;
    for (const auto port : ports{21, 2021, 50000, 65535}) EXPECT_FALSE(is_hijacked_port(port)) << port;
}

TEST(ephemeral_range, is_that_of_this_system) {
    const auto range = ephemeral_range();
    EXPECT_GT(range.size(), 1U);
    EXPECT_GE(range.first, 1024U);
}

}  // namespace
}  // namespace sallyport::reach
