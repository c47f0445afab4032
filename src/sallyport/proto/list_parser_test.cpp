#include <string>

#include <gtest/gtest.h>

#include <sallyport/proto/calendar.hpp>
#include <sallyport/proto/listing.hpp>

namespace sallyport::proto {
namespace {

using std::string_literals::operator""s;

constexpr std::int64_t now = *to_seconds({2026, 6, 15, 12, 0, 0});

/// "type size time name[ -> target]"; '?' where the line did not say.
std::string shown(const entry& e) {
    constexpr std::string_view letters = "-dcpl?";
    std::string out(1, letters[static_cast<std::size_t>(e.type)]);
    out += " " + (e.has_size ? std::to_string(e.size) : "?") + " " + (e.has_modified ? format_time(e.modified) : "?");
    out += " [" + e.name + "]";
    return e.link_target.empty() ? out : out + " -> [" + e.link_target + "]";
}

std::string list(std::string_view line, std::int64_t at = now) {
    const auto e = parse_list_line(line, at);
    return e ? shown(*e) : "nothing";
}

std::string mlsx(std::string_view line) {
    const auto e = parse_mlsx(line);
    return e ? shown(*e) : "nothing";
}

TEST(ListParser, UnixServersAsTheyAre) {
    // vsftpd, ProFTPD, Pure-FTPd, IIS in Unix style, lftp's and curl's own collections of forms
    EXPECT_EQ(list("-rw-r--r--    1 0        0            1024 Jan 02 15:04 a.txt"), "- 1024 20260102150400 [a.txt]");
    EXPECT_EQ(list("-rw-r--r--   1 ftp      ftp       1073741824 Oct 21  2008 512M.zip"),
              "- 1073741824 20081021000000 [512M.zip]");
    EXPECT_EQ(list("drwxr-xr-x    2 0        0            4096 Jun  1 10:15 pub"), "d 4096 20260601101500 [pub]");
    EXPECT_EQ(list("drwxrwxrwx   1 owner    group               0 Feb 13  2017 My Documents"),
              "d 0 20170213000000 [My Documents]");
    EXPECT_EQ(list("-rw-r--r-- 1 user group 5 2025-12-31 23:59 iso"), "- 5 20251231235900 [iso]");
    EXPECT_EQ(list("-rw-r--r-- 1 user group 5 2 Jan 15:04 day first"), "- 5 20260102150400 [day first]");
    EXPECT_EQ(list("-rw-r--r-- 1 user group 5 jan 2 15:04:05 seconds"), "- 5 20260102150400 [seconds]");
}

TEST(ListParser, ColumnsThatSomeServersLeaveOut) {
    EXPECT_EQ(list("-rw-r--r-- 1 user 512 Jan 02 15:04 no group"), "- 512 20260102150400 [no group]");
    EXPECT_EQ(list("-rw-r--r-- user group 512 Jan 02 15:04 no links"), "- 512 20260102150400 [no links]");
    EXPECT_EQ(list("-rw-r--r-- 512 Jan 02 15:04 bare"), "- 512 20260102150400 [bare]");
    EXPECT_EQ(list("-rw-r--r-- 1 1000 1000 512 Jan 02 15:04 numbers"), "- 512 20260102150400 [numbers]");
    const auto e = parse_list_line("-rw-r--r-- 3 alice staff 512 Jan 02 15:04 x", now);
    ASSERT_TRUE(e);
    EXPECT_EQ(e->links, 3U);
    EXPECT_EQ(e->owner, "alice");
    EXPECT_EQ(e->group, "staff");
    EXPECT_EQ(e->mode, 0644U);
}

TEST(ListParser, LinksDevicesAndAccessLists) {
    EXPECT_EQ(list("lrwxrwxrwx 1 0 0 7 Jan 02 15:04 a b -> to c"), "l 7 20260102150400 [a b] -> [to c]");
    EXPECT_EQ(list("lrwxrwxrwx 1 0 0 7 Jan 02 15:04 no target"), "l 7 20260102150400 [no target]");
    EXPECT_EQ(list("-rw-r--r-- 1 0 0 7 Jan 02 15:04 a -> b"), "- 7 20260102150400 [a -> b]");
    EXPECT_EQ(list("crw-rw-rw- 1 root root 1, 3 Jan 02 15:04 null"), "? ? 20260102150400 [null]");
    EXPECT_EQ(list("brw-rw---- 1 root disk 8,0 Jan 02 15:04 sda"), "? ? 20260102150400 [sda]");
    EXPECT_EQ(list("prw-r--r-- 1 0 0 0 Jan 02 15:04 pipe"), "? ? 20260102150400 [pipe]");
    EXPECT_EQ(list("-rw-r--r--+ 1 0 0 7 Jan 02 15:04 acl"), "- 7 20260102150400 [acl]");
    EXPECT_EQ(list("drwxr-xr-x. 1 0 0 7 Jan 02 15:04 selinux"), "d 7 20260102150400 [selinux]");
    EXPECT_EQ(parse_list_line("-rwsr-Sr-T 1 0 0 7 Jan 02 15:04 x", now)->mode, 07744U);
}

TEST(ListParser, NamesKeepTheirBlanks) {
    EXPECT_EQ(list("-rw-r--r-- 1 0 0 7 Jan 02 15:04  lead"), "- 7 20260102150400 [ lead]");
    EXPECT_EQ(list("-rw-r--r-- 1 0 0 7 Jan 02 15:04 trail "), "- 7 20260102150400 [trail ]");
    EXPECT_EQ(list("-rw-r--r-- 1 0 0 7 Jan 02 15:04 1 Jan 02 15:04 x"), "- 7 20260102150400 [1 Jan 02 15:04 x]");
    EXPECT_EQ(list("-rw-r--r-- 1 0 0 7 Jan 02 15:04 \xc3\xa4"), "- 7 20260102150400 [\xc3\xa4]");
}

TEST(ListParser, AMissingYearIsTheLastThatIsNotAhead) {
    EXPECT_EQ(list("-rw-r--r-- 1 0 0 7 Jun 15 12:00 x"), "- 7 20260615120000 [x]");
    EXPECT_EQ(list("-rw-r--r-- 1 0 0 7 Jun 16 12:00 x"), "- 7 20260616120000 [x]");  // a day of clock difference
    EXPECT_EQ(list("-rw-r--r-- 1 0 0 7 Jun 17 12:00 x"), "- 7 20250617120000 [x]");
    EXPECT_EQ(list("-rw-r--r-- 1 0 0 7 Dec 31 23:59 x"), "- 7 20251231235900 [x]");
    EXPECT_EQ(list("-rw-r--r-- 1 0 0 7 Feb 29 10:00 x"), "- 7 20240229100000 [x]");
    const auto new_year = *to_seconds({2026, 12, 31, 20, 0, 0});
    EXPECT_EQ(list("-rw-r--r-- 1 0 0 7 Jan 01 08:00 x", new_year), "- 7 20270101080000 [x]");
    EXPECT_EQ(list("-rw-r--r-- 1 0 0 7 Feb 29 10:00 x", *to_seconds({1903, 1, 1, 0, 0, 0})), "- 7 18960229100000 [x]");
}

TEST(ListParser, MsDos) {
    EXPECT_EQ(list("01-02-26  03:04PM       <DIR>          My Folder"), "d ? 20260102150400 [My Folder]");
    EXPECT_EQ(list("01-02-26  03:04PM                 1024 a b.txt"), "- 1024 20260102150400 [a b.txt]");
    EXPECT_EQ(list("12-31-1999  12:00AM                 7 midnight"), "- 7 19991231000000 [midnight]");
    EXPECT_EQ(list("12-31-99  12:00PM                 7 noon"), "- 7 19991231120000 [noon]");
    EXPECT_EQ(list("2026-01-02  15:04                 7 year first"), "- 7 20260102150400 [year first]");
    EXPECT_EQ(list("01/02/2026  15:04                 7  lead"), "- 7 20260102150400 [ lead]");
    EXPECT_EQ(list("01-02-26  03:04PM   <JUNCTION>   j"), "l ? 20260102150400 [j]");
}

TEST(ListParser, LinesThatAreNoEntries) {
    for (const auto& line : {
             ""s,
             "total 12"s,
             " "s,
             "\t"s,
             "ftpd: .: No such file"s,
             "-rw-r--r--"s,
             "-rw-r--r-- 1 0 0 7 Jan 02 15:04"s,
             "-rw-r--r-- 1 0 0 7 Jan 02 15:04 "s,
             "-rw-r--r-- 1 0 0 7 Jan 02 25:04 x"s,
             "-rw-r--r-- 1 0 0 7 Feb 30 15:04 x"s,
             "-rw-r--r-- 1 0 0 7 Foo 02 15:04 x"s,
             "-rw-r--r-- 1 0 0 -7 Jan 02 15:04 x"s,
             "-rw-r--r-- 1 0 0 7 Jan 32 2020 x"s,
             "-rw-r--r-- 1 0 0 99999999999999999999 Jan 02 15:04 x"s,
             "-rw-r--r-- 1 0 0 7 Jan 02 99999 x"s,
             "zrw-r--r-- 1 0 0 7 Jan 02 15:04 x"s,
             "-rw-r--q-- 1 0 0 7 Jan 02 15:04 x"s,
             "-rw-r--r--++ 1 0 0 7 Jan 02 15:04 x"s,
             "-rw-r--r-- a b c d e 7 Jan 02 15:04 x"s,
             "crw-r--r-- 1 0 0 , Jan 02 15:04 x"s,
             "01-02-26"s,
             "01-02-26 03:04PM"s,
             "01-02-26 03:04PM <DIR>"s,
             "01-02-26 03:04PM 7"s,
             "01-02-26 03:04PM 7 "s,
             "13-02-26 03:04PM 7 x"s,
             "01-02-26 13:04PM 7 x"s,
             "01-02-26 00:04AM 7 x"s,
             "01-02-26 03:04PM <DEVICE> x"s,
             "0-02-2600 03:04PM 7 x"s,
             "01-02/26 03:04PM 7 x"s,
             "02-30-26 03:04PM 7 x"s,
         }) {
        EXPECT_EQ(list(line), "nothing") << line;
    }
}

TEST(ListParser, EveryPrefixAndEveryForeignByteIsSafe) {
    for (const auto& line : {"lrwxrwxrwx 1 0 0 7 Jan 02 15:04 a -> b"s, "crw-rw-rw- 1 root root 1, 3 Jan 02 15:04 null"s,
                             "01-02-26  03:04PM  <DIR>  x"s, "01-02-2026  03:04PM  7 x"s, "type=file;size=7; x"s}) {
        for (std::size_t n = 0; n < line.size(); ++n) {
            (void)list(std::string(line.data(), n));
            (void)mlsx(std::string(line.data(), n));
            for (const int c : {0, 1, 9, 10, 13, 32, 45, 127, 128, 255}) {
                auto changed = line;
                changed[n] = static_cast<char>(c);
                (void)list(changed);
                (void)mlsx(changed);
            }
        }
        EXPECT_NE(list(line) + mlsx(line), "nothingnothing") << line;
    }
}

TEST(ListParser, CL04_HugeLinesAreLinear) {
    const std::string many(4U << 20U, ' ');
    const std::string digits(4U << 20U, '7');
    std::string words;
    while (words.size() < (4U << 20U)) words += "7 Jan ";
    std::string facts;
    while (facts.size() < (4U << 20U)) facts += "a=b;";
    for (const auto& tail : {many, digits, words, facts}) {
        (void)list("-rw-r--r-- " + tail);
        (void)list("-rw-r--r-- 1 0 0 7 Jan 02 15:04 " + tail);
        (void)list("01-02-26 03:04PM " + tail);
        (void)mlsx(tail + " x");
        (void)mlsx(tail);
    }
    EXPECT_EQ(list("-rw-r--r-- 1 0 0 7 Jan 02 15:04 " + digits), "- 7 20260102150400 [" + digits + "]");
}

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

TEST(MlsxParser, LinesWithoutANameAreRefused) {
    for (const auto* bad : {"", "type=file;", "type=file; ", " "}) EXPECT_EQ(mlsx(bad), "nothing") << bad;
}

}  // namespace
}  // namespace sallyport::proto
