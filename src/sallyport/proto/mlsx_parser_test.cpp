#include <string>

#include <gtest/gtest.h>

#include <sallyport/proto/entry_text.hpp>

namespace sallyport::proto {
namespace {

using namespace std::string_literals;

TEST(MlsxParser, FactsAndNames) {
    EXPECT_EQ(mlsx("type=file;size=1024;modify=20260102150405; a b"), "- 1024 20260102150405 [a b]");
    EXPECT_EQ(mlsx("Type=DIR;Modify=20260102150405.123;Perm=el; d"), "d ? 20260102150405 [d]");
    EXPECT_EQ(mlsx("type=cdir; ."), "c ? ? [.]");
    EXPECT_EQ(mlsx("type=pdir; .."), "p ? ? [..]");
    EXPECT_EQ(mlsx("type=OS.unix=slink:/a/b; l"), "l ? ? [l] -> [/a/b]");
    EXPECT_EQ(mlsx("type=OS.unix=symlink; l"), "l ? ? [l]");
    EXPECT_EQ(mlsx("type=OS.unix=chr-1/3; n"), "? ? ? [n]");
    EXPECT_EQ(mlsx("  leading"), "- ? ? [ leading]");
    EXPECT_EQ(mlsx("type=file a"), "- ? ? [a]") << "the last ';' may be missing";
    EXPECT_EQ(mlsx("size=1;x=y;z;;=;size=2; a=b;c"), "- 2 ? [a=b;c]");
    const auto e = parse_mlsx("UNIX.mode=0755;UNIX.owner=alice;UNIX.group=staff;unique=1U2;perm=adfr; x");
    ASSERT_TRUE(e);
    EXPECT_EQ(e->mode, 0755U);
    EXPECT_EQ(e->owner, "alice");
    EXPECT_EQ(e->group, "staff");
    EXPECT_EQ(e->unique, "1U2");
    EXPECT_EQ(e->perm, "adfr");
}

TEST(MlsxParser, IN11_BadValuesAreLeftOut) {
    for (const auto* bad : {"-1", "+1", "0x10", "1e3", "9223372036854775808", ""}) {
        const auto e = parse_mlsx("size="s + bad + ";modify=" + bad + ";UNIX.mode=9; x");
        ASSERT_TRUE(e) << bad;
        EXPECT_FALSE(e->has_size) << bad;
        EXPECT_FALSE(e->has_modified) << bad;
        EXPECT_EQ(e->mode, 0644U);
    }
}

TEST(MlsxParser, OtherListingsAreNotTakenForFacts) {
    for (const auto* bad : {"-rw-r--r-- 1 0 0 7 Jan 02 15:04 x", "total 12", "a.txt b.txt"}) EXPECT_EQ(mlsx(bad), "nothing");
}

TEST(MlsxParser, LinesWithoutANameAreRefused) {
    for (const auto* bad : {"", "type=file;", "type=file; ", " "}) EXPECT_EQ(mlsx(bad), "nothing") << bad;
}

}  // namespace
}  // namespace sallyport::proto
