#include <sallyport/base/ascii.hpp>

#include <string>

#include <gtest/gtest.h>

namespace sallyport {
namespace {

TEST(Ascii, CaseIsAsciiOnlyForAnyByte) {
    EXPECT_EQ(to_upper("retr \xe4"), "RETR \xe4");
    EXPECT_EQ(to_lower("EPSV"), "epsv");
    EXPECT_TRUE(iequals("PaSv", "pAsV"));
    EXPECT_FALSE(iequals("PASV", "PASVX"));
    EXPECT_TRUE(starts_with_icase("site chmod", "SITE "));
}

// IN-11: one checked decimal parser for the whole program.
TEST(Ascii, DecimalTakesDigitsOnlyAndStaysInRange) {
    EXPECT_EQ(parse_decimal("0"), 0U);
    EXPECT_EQ(parse_decimal("00012"), 12U);
    EXPECT_EQ(parse_decimal("9223372036854775807"), 9223372036854775807ULL);
    for (const char* bad : {"", "-1", "-0", "+1", "0x10", "1e3", " 1", "1 ", "1\t", "9223372036854775808",
                            "18446744073709551616", "10000000000000000000000000000000000000000", "\xd9\xa1"}) {
        EXPECT_FALSE(parse_decimal(bad)) << bad;
    }
    EXPECT_EQ(parse_decimal("65535", 65535), 65535U);
    EXPECT_FALSE(parse_decimal("65536", 65535));
    EXPECT_FALSE(parse_decimal("5", 4));
}

TEST(Ascii, Utf8RefusesOverlongFormsAndSurrogates) {
    EXPECT_TRUE(is_utf8("na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80"));
    for (const char* bad : {"\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff", "\xc3", "\x80"}) {
        EXPECT_FALSE(is_utf8(bad));
    }
}

}  // namespace
}  // namespace sallyport
