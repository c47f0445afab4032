#include <sallyport/base/character.hpp>

#include <string>

#include <gtest/gtest.h>

namespace sallyport {
namespace {

TEST(first_character, is_utf8_where_that_is_valid_and_a_byte_where_not) {
    const struct {
        std::string_view text;
        std::size_t length;
        bool utf8;
    } rows[] = {{"a", 1, true},
                {"\xc3\x80z", 2, true},
                {"\xe2\x82\xacz", 3, true},
                {"\xf0\x9f\x93\x81z", 4, true},
                {"\xc3", 1, false},          // cut
                {"\xe2\x82", 1, false},      // cut
                {"\xc0\xaf", 1, false},      // overlong
                {"\xed\xa0\x80", 1, false},  // a surrogate
                {"\xff", 1, false},
                {"\xa4\xb1", 1, false}};
    for (const auto& row : rows) {
        const auto got = first_character(row.text);
        EXPECT_EQ(got.length, row.length) << row.text;
        EXPECT_EQ(got.utf8, row.utf8) << row.text;
        EXPECT_FALSE(got.control) << row.text;
    }
}

TEST(first_character, knows_every_control_in_every_form) {  // IN-09
    for (int byte = 0; byte < 256; ++byte) {
        const std::string alone(1, static_cast<char>(byte));
        const bool control = byte < 0x20 || (byte >= 0x7f && byte < 0xa0);
        EXPECT_EQ(first_character(alone).control, control) << byte;
        if (byte < 0x80 || byte > 0xbf) continue;
        EXPECT_EQ(first_character("\xc2" + alone).control, byte < 0xa0) << byte;
        // The same byte within a letter.
        EXPECT_FALSE(first_character("\xc3" + alone).control) << byte;
    }
}

}  // namespace
}  // namespace sallyport
