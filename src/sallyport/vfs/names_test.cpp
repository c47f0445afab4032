#include <sallyport/vfs/names.hpp>
#include <sallyport/vfs/temporary_name.hpp>

#include <gtest/gtest.h>

namespace sallyport::vfs {
namespace {

TEST(names, the_superuser_has_a_name) {
    EXPECT_EQ(user_name(0), "root");
    EXPECT_EQ(group_name(0), "root");
    // From the cache this time.
    EXPECT_EQ(user_name(0), "root");
}

TEST(names, an_id_without_a_name_is_its_number) {
    EXPECT_EQ(user_name(3999999999U), "3999999999");
    EXPECT_EQ(group_name(3999999999U), "3999999999");
}

TEST(temporary_name, is_recognised_and_never_repeats) {
    const auto one = make_temporary_name();
    EXPECT_TRUE(is_temporary_name(one)) << one;
    EXPECT_NE(one, make_temporary_name());
}

TEST(temporary_name, is_not_confused_with_what_people_choose) {
    for (const auto* name :
         {"", ".sallyport-", ".sallyport-notes.part", ".sallyport-0123456789abcdeg.part", "sallyport-0123456789abcdef.part",
          ".sallyport-0123456789abcdef.par", ".sallyport-0123456789abcdef.part2", ".sallyport-0123456789ABCDEF.part"}) {
        EXPECT_FALSE(is_temporary_name(name)) << name;
    }
    EXPECT_TRUE(is_temporary_name(".sallyport-0123456789abcdef.part"));
}

}  // namespace
}  // namespace sallyport::vfs
