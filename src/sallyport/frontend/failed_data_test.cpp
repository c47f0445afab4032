#include <sallyport/frontend/failed_data.hpp>

#include <gtest/gtest.h>

namespace sallyport::frontend {
namespace {

using diagnosis::data_failure;

// S7: a server that has no port to connect from is no fault of the client's network, in a server and in a gateway.
TEST(FailedData, OfAnActiveConnectionIsNamedByItsError) {
    EXPECT_EQ(failure_of({errc::permission, 0, {}}), data_failure::cannot_bind);
    EXPECT_EQ(failure_of({errc::exhausted, 0, {}}), data_failure::cannot_bind);
    EXPECT_EQ(failure_of({errc::refused, 0, {}}), data_failure::refused);
    EXPECT_EQ(failure_of({errc::timeout, 0, {}}), data_failure::timed_out);
    EXPECT_EQ(failure_of({errc::unreachable, 0, {}}), data_failure::unreachable);
}

}  // namespace
}  // namespace sallyport::frontend
