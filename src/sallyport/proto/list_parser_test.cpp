#include <string>

#include <gtest/gtest.h>

#include <sallyport/proto/calendar.hpp>
#include <sallyport/proto/entry_text.hpp>

namespace sallyport::proto {
namespace {

using namespace std::string_literals;

constexpr auto now = test_now;

TEST(ListParser, UnixServersAsTheyAre) {
    // vsftpd, ProFTPD, Pure-FTPd, IIS in Unix style, and the test data of lftp and curl.
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

TEST(ListParser, AMissingYearIsTheLatestNotInTheFuture) {
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

TEST(ListParser, MsDosOfOtherCountries) {
    EXPECT_EQ(list("02.01.2026  15:04                 7 dots"), "- 7 20260102150400 [dots]");
    EXPECT_EQ(list("2002-09-02  19:06                9,730 groups"), "- 9730 20020902190600 [groups]");
    EXPECT_EQ(list("02.09.2002  19:06            1.009.730 dots"), "- 1009730 20020902190600 [dots]");
    EXPECT_EQ(list("09/02/2002  07:06 PM         <DIR>          two words"), "d ? 20020902190600 [two words]");
    for (const auto* bad : {"2002-09-02  19:06 9,73 x", "2002-09-02  19:06 9730,730 x", "2002-09-02  19:06 ,730 x",
                            "2002-09-02  19:06 9,730. x", "2002-09-02  07:06P AM 7 x"})
        EXPECT_EQ(list(bad), "nothing") << bad;
}

TEST(ListParser, UnixColumnsOfRarerServers) {
    EXPECT_EQ(list("-rw-r--r--   1 group domain user 531 Jan 29 03:26 domain"), "- 531 20260129032600 [domain]");
    EXPECT_EQ(list("-rw-r--r--   1 root     other  34.5k Oct 5 21:22 rounded"), "- ? 20251005212200 [rounded]");
    EXPECT_EQ(list("-rw-r--r--   1 root     other  12M Oct 5 21:22 rounded"), "- ? 20251005212200 [rounded]");
    EXPECT_EQ(list("drwxrwxr-x               folder        2 May 10  1996 mac"), "d 2 19960510000000 [mac]");
    EXPECT_EQ(list("-------r--         326  1391972  1392298 Nov 22  1995 mac"), "- 1392298 19951122000000 [mac]");
    EXPECT_EQ(list("0100644   500  101   12345    123456789       a number"), "- 12345 19731129213309 [a number]");
    EXPECT_EQ(list("040755 500 101 0 123456789 d"), "d 0 19731129213309 [d]");
    EXPECT_EQ(list("0100648 500 101 1 123456789 x"), "nothing");
    EXPECT_EQ(list("-rw-r--r--@ 1 10 12 2024 Jan 02 15:04 ids that look like a date"),
              "- 2024 20260102150400 [ids that look like a date]");
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

}  // namespace
}  // namespace sallyport::proto
