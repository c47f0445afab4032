#include <sallyport/reach/known_ports.hpp>

#include <gtest/gtest.h>

namespace sallyport::reach {
namespace {

TEST(ephemeral_range, is_read_from_the_system) {
    const auto range = ephemeral_range();
    EXPECT_GT(range.size(), 1U);
    EXPECT_GE(range.first, 1024U);
}

}  // namespace
}  // namespace sallyport::reach
