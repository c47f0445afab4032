#include <sallyport/client/unique_name.hpp>

#include <gtest/gtest.h>

namespace sallyport::client {
namespace {

TEST(unique_name, is_read_from_either_reply) {
    EXPECT_EQ(unique_name_in("FILE: report.csv.1", "226 Transfer complete."), "report.csv.1");
    EXPECT_EQ(unique_name_in("file: \"a b\"", ""), "a b");
    EXPECT_EQ(unique_name_in("Opening", "226 Transfer complete (unique file name:x.1)."), "x.1");
    EXPECT_EQ(unique_name_in("Ok to send data.", "226 Transfer complete."), "");
    EXPECT_EQ(unique_name_in("FILE: ", ""), "");
}

}  // namespace
}  // namespace sallyport::client
