#include <sallyport/cli/name_list.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(name_list, lines_or_what_is_between_nul_bytes) {
    EXPECT_THAT(names_in("a\nb c\r\n\nd"), ElementsAre("a", "b c", "d"));
    EXPECT_THAT(names_in(std::string_view("a\nb\0c\0", 6)), ElementsAre("a\nb", "c"));
    EXPECT_THAT(names_in(""), IsEmpty());
}

TEST(name_list, a_missing_file_is_named) {
    std::vector<std::string> names;
    const auto read = add_listed_names("/nowhere/list", names);
    ASSERT_FALSE(read);
    EXPECT_THAT(read.error().text(), ::testing::HasSubstr("/nowhere/list"));
    EXPECT_TRUE(add_listed_names("", names));
}

}  // namespace
}  // namespace sallyport::cli
