// Complete listings of systems other than Unix and MS-DOS.

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sallyport/proto/entry_text.hpp>
#include <sallyport/proto/list_parser.hpp>

namespace sallyport::proto {
namespace {

using namespace std::string_literals;
using ::testing::ElementsAre;

struct listing {
    std::vector<std::string> entries;
    std::size_t unrecognized = 0;
    std::string sample;
};

listing read(std::initializer_list<std::string_view> lines) {
    list_parser parser(test_now);
    listing out;
    for (const auto line : lines)
        if (const auto e = parser.read(line)) out.entries.push_back(text_of(*e));
    parser.finish();
    out.unrecognized = parser.unrecognized();
    out.sample = parser.first_unrecognized();
    return out;
}

/// The entries of a listing in which each line must be recognized.
std::vector<std::string> entries(std::initializer_list<std::string_view> lines) {
    const auto l = read(lines);
    EXPECT_EQ(l.unrecognized, 0U) << l.sample;
    return l.entries;
}

TEST(ListSystems, Vms) {
    EXPECT_THAT(
        entries({
            "",
            "Directory ANONYMOUS_ROOT:[000000]",
            "",
            "00README.TXT;1      2 30-DEC-1996 17:44:13.00 [SYSTEM] (RWED,RWED,RE,RE)",
            "CORE.DIR;1          1  8-SEP-1996 16:09 [SYSTEM] (RWE,RWE,RE,RE)",
            "CII-MANUAL.TEX;1  213/216  29-JAN-1996 03:33:12  [ANONYMOUS,ANONYMOUS]   (RWED,RWED,,)",
            "NOTIME.TXT;1    2/8    15-JAN-2000    [IV2_XXX]   (RWED,RWED,RE,)",
            "OWNER.TXT;1    6/8    15-JUN-2002    PRONAS   (RWED,RWED,RE,)",
            "ORDER.TXT;1   [SUMMARY]    1/3     2-AUG-2006 13:05  (RWE,RWE,RE,)",
            "BARE.TXT;1       155   2-JUL-2003 10:30:13.64",
            "",
            "Total of 7 files, 213/216 blocks.",
        }),
        ElementsAre("- ? 19961230174400 [00README.TXT]", "d ? 19960908160900 [CORE]", "- ? 19960129033300 [CII-MANUAL.TEX]",
                    "- ? 20000115000000 [NOTIME.TXT]", "- ? 20020615000000 [OWNER.TXT]", "- ? 20060802130500 [ORDER.TXT]",
                    "- ? 20030702103000 [BARE.TXT]"));
}

TEST(ListSystems, VmsNamesOnALineOfTheirOwn) {
    EXPECT_THAT(entries({
                    "A-VERY-LONG-NAME-THAT-TAKES-THE-LINE.TAR-GZ;1",
                    "                 170774/170775     24-APR-2003 08:16:15  [FTP_CLIENT,SCOT]      (RWED,RWED,RE,)",
                    "ANOTHER.TXT;1",
                    "10\t\t\t     2-JUL-2003 10:30:08.59  [FTP_CLIENT,SCOT]      (RWED,RWED,RE,)",
                    "OWNER.BELOW;1  2  2-JUL-2003 10:30",
                    "                                   [FTP_CLIENT,SCOT] (RWED,RWED,,)",
                }),
                ElementsAre("- ? 20030424081600 [A-VERY-LONG-NAME-THAT-TAKES-THE-LINE.TAR-GZ]",
                            "- ? 20030702103000 [ANOTHER.TXT]", "- ? 20030702103000 [OWNER.BELOW]"));
    const auto cut = read({"LONG.NAME;1", "OTHER.TXT;1 2 2-JUL-2003 10:30", "LAST.TXT;1"});
    EXPECT_THAT(cut.entries, ElementsAre("- ? 20030702103000 [OTHER.TXT]"));
    EXPECT_EQ(cut.unrecognized, 2U) << "names without facts";
    EXPECT_EQ(cut.sample, "LONG.NAME;1");
}

TEST(ListSystems, VmsVersionsKeepTheirNumbersExceptTheNewest) {
    EXPECT_THAT(entries({
                    "LOGIN.COM;3  2  2-JUL-2003 10:30 [A] (RWED,,,)",
                    "LOGIN.COM;2  2  1-JUL-2003 10:30 [A] (RWED,,,)",
                    "LOGIN.COM;1  2 30-JUN-2003 10:30 [A] (RWED,,,)",
                    "LOGIN2.COM;7  2 30-JUN-2003 10:30 [A] (RWED,,,)",
                }),
                ElementsAre("- ? 20030702103000 [LOGIN.COM]", "- ? 20030701103000 [LOGIN.COM;2]",
                            "- ? 20030630103000 [LOGIN.COM;1]", "- ? 20030630103000 [LOGIN2.COM]"));
}

TEST(ListSystems, VmsFilesThatMayNotBeSeenAndEmptyDirectories) {
    EXPECT_THAT(entries({"SECRET.TXT;1   %RMS-E-PRV, insufficient privilege or file protection violation"}),
                ElementsAre("- ? ? [SECRET.TXT]"));
    EXPECT_THAT(entries({"%DIRECT-W-NOFILES, no files found"}), ElementsAre());
    EXPECT_EQ(read({"%RMS-E-DNF, directory not found"}).unrecognized, 1U);
}

TEST(ListSystems, MvsDatasets) {
    EXPECT_THAT(entries({
                    "Volume Unit    Referred Ext Used Recfm Lrecl BlkSz Dsorg Dsname",
                    "WYOSPT 3420   2003/05/21  1  200  FB      80  8053  PS  A.FILE",
                    "  WPTA01 3290   2004/03/04  1    3  FB      80  3125  PO  A.LIBRARY",
                    "NRP004 3390   **NONE**    1   15  NONE     0     0  PO-E  NEVER.USED",
                    "TSO004 3390   VSAM A.CLUSTER",
                    "TSO005 3390   2005/06/06 213000 U 0 27998 PO GLUED.COLUMNS",
                    "Migrated                                                MIGRATED.FILE",
                    "ARCIVE Not Direct Access Device                       ARCHIVED.FILE",
                    "V43525 Tape                                            ON.TAPE",
                    "Pseudo Directory                                       SUB",
                    "WYOSPT 3420   2003/05/21  1  200  FB      80  8053  PS  'SYS1.FULL.NAME'",
                }),
                ElementsAre("- ? ? [A.FILE]", "d ? ? [A.LIBRARY]", "d ? ? [NEVER.USED]", "? ? ? [A.CLUSTER]",
                            "d ? ? [GLUED.COLUMNS]", "- ? ? [MIGRATED.FILE]", "- ? ? [ARCHIVED.FILE]", "- ? ? [ON.TAPE]",
                            "d ? ? [SUB]", "- ? ? ['SYS1.FULL.NAME']"));
}

TEST(ListSystems, MvsMembers) {
    EXPECT_THAT(entries({
                    " Name     VV.MM   Created       Changed      Size  Init   Mod   Id",
                    "IEASYS1   01.01 2002/09/12 2002/10/11 09:37    11    11     0 KIL001",
                    "BARE",
                    "NOUSER    01.01 2004/06/22 2004/06/22 16:32   128   128    0",
                }),
                ElementsAre("- ? 20021011093700 [IEASYS1]", "- ? ? [BARE]", "- ? 20040622163200 [NOUSER]"));
    EXPECT_THAT(entries({
                    " Name      Size     TTR   Alias-of AC --------- Attributes --------- Amode Rmode",
                    "EAGKCPT   000310   00023A          00 FO             RN RU            31    ANY",
                    "EAGRTALT  00B308   000411  00 FO        RU      ANY    24",
                }),
                ElementsAre("- ? ? [EAGKCPT]", "- ? ? [EAGRTALT]"));
    EXPECT_EQ(read({"BARE"}).unrecognized, 1U) << "a single word is a member only after the heading";
}

TEST(ListSystems, Os400) {
    EXPECT_THAT(
        entries({
            "QSYS            77824 02/23/00 15:09:55 *DIR       a dir/",
            "PEP              4019 24/12/31 18:58:16 *STMF      einladung.zip",
            "QSYS            77824 23/02/00 15:09:55 *FILE      a file",
            "QSYSOPR         28672 01.12.06 20:08:04 *FILE      FPKI45POK5.FILE",
            "QSYS            77824 04/03/02 15:09:55 *STMF      which day",
            "QSYSOPR                                 *MEM       FPKI45POK5.MBR",
            "                                        *MEM       OTHER.MBR",
            "QSYS            77824 02/23/00 15:09:55 *LIB       QGPL",
        }),
        ElementsAre("d ? 20000223150900 [a dir]", "- 4019 20241231185800 [einladung.zip]", "- 77824 20000223150900 [a file]",
                    "- 28672 20061201200800 [FPKI45POK5.FILE]", "- 77824 ? [which day]", "- ? ? [FPKI45POK5.MBR]",
                    "- ? ? [OTHER.MBR]", "d ? 20000223150900 [QGPL]"));
}

TEST(ListSystems, NetWare) {
    EXPECT_THAT(
        entries({
            "total 0",
            "d [R----F--] supervisor            512       Jan 16 18:53    login",
            "- [RWCEAFMS] rhesus             214059       Oct 20 15:27    cx.exe",
            "d[RWCEAFMS] admin                 512       Oct 20  2004    two words",
        }),
        ElementsAre("d ? 20260116185300 [login]", "- 214059 20251020152700 [cx.exe]", "d ? 20041020000000 [two words]"));
}

TEST(ListSystems, Eplf) {
    EXPECT_THAT(entries({"+i8388621.48594,m825718503,r,s280,\tdjb.html", "+i8388621.50690,m824255907,/,\t514",
                         "+up644,r,s0,\t two blanks", "+\tnothing said"}),
                ElementsAre("- 280 19960301221503 [djb.html]", "d ? 19960213235827 [514]", "- 0 ? [ two blanks]",
                            "? ? ? [nothing said]"));
}

TEST(ListSystems, Os2) {
    EXPECT_THAT(entries({
                    "                0           DIR    02-11-103  16:15  a dir",
                    "             1123      A    DIR    10-05-100  23:38  DIR",
                    "            36611      A           04-23-103  10:57  OS2 file",
                    "             1123      A    07-14-99   12:37  NT",
                    "               95           05-12-97   16:44  no attributes",
                }),
                ElementsAre("d ? 20030211161500 [a dir]", "d ? 20001005233800 [DIR]", "- 36611 20030423105700 [OS2 file]",
                            "- 1123 19990714123700 [NT]", "- 95 19970512164400 [no attributes]"));
}

TEST(ListSystems, TotalsInAnyLanguageAreHeadings) {
    for (const auto* total : {"total 12", "insgesamt 12", "итого 12", "合計 12K", "всего 1.024", "total 0"})
        EXPECT_THAT(entries({total, "-rw-r--r-- 1 0 0 7 Jan 02 15:04 x"}), ElementsAre("- 7 20260102150400 [x]"));
    EXPECT_EQ(read({"-rw-r--r-- 1 0 0 7 Jan 02 15:04 x", "chapter 12"}).unrecognized, 1U)
        << "only the first line can be a total";
}

TEST(ListSystems, WhatIsNotUnderstoodIsCountedAndShown) {
    const auto l = read({"ls: .: Permission denied", "\t", "JOBNAME  JOBID    OWNER    STATUS CLASS", "a.txt", "b.txt"});
    EXPECT_TRUE(l.entries.empty());
    EXPECT_EQ(l.unrecognized, 4U);
    EXPECT_EQ(l.sample, "ls: .: Permission denied");
    EXPECT_EQ(read({std::string(5000, 'x')}).sample.size(), 200U);
}

TEST(ListSystems, EveryPrefixAndEveryForeignByteIsSafe) {
    for (const auto& line :
         {"CII-MANUAL.TEX;1  213/216  29-JAN-1996 03:33:12  [A,B]   (RWED,,,)"s, "A.TXT;1"s,
          "WYOSPT 3420   2003/05/21  1  200  FB      80  8053  PS  A.FILE"s,
          "IEASYS1   01.01 2002/09/12 2002/10/11 09:37    11    11     0 KIL001"s, "EAGKCPT 000310 00023A 00 FO 31 ANY"s,
          "QSYS            77824 02/23/00 15:09:55 *DIR       a dir/"s, "- [RWCEAFMS] rhesus 214059 Oct 20 15:27  cx.exe"s,
          "+i8388621.48594,m825718503,r,s280,\tdjb.html"s, "  36611      A           04-23-103  10:57  OS2 file"s,
          "-rw-r--r-- 1 a b 5 2003年4月18日 x"s, "-rw-r--r-- 1 a b 5 2025-12-31 23:59:01.1 +0200 x"s}) {
        for (std::size_t n = 0; n < line.size(); ++n) {
            (void)list(line.substr(0, n));
            for (const int c : {0, 1, 9, 10, 13, 32, 45, 59, 127, 128, 255}) {
                auto changed = line;
                changed[n] = static_cast<char>(c);
                (void)read({changed, changed});
            }
        }
    }
}

TEST(ListSystems, CL04_HugeLinesAreLinear) {
    std::string words;
    while (words.size() < (1U << 20U)) words += "7月 [] ";
    const std::string long_word(1U << 20U, ';');
    for (const auto& tail : {words, long_word, std::string(1U << 20U, ','), std::string(1U << 20U, '[')})
        for (const auto* head : {"A.TXT;1 1 ", "QSYS 1 02/23/00 15:09:55 *DIR ", "+i1,", "7 A ", "d [", "Directory ", "%",
                                 "-rw-r--r-- 1 a b 5 "})
            (void)read({head + tail, tail});
}

}  // namespace
}  // namespace sallyport::proto
