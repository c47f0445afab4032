#include <sallyport/proto/listing.hpp>

#include <string>

#include <gtest/gtest.h>

#include <sallyport/proto/calendar.hpp>

namespace sallyport::proto {
namespace {

constexpr std::int64_t day = 86400;
constexpr std::int64_t now = *to_seconds({2026, 6, 15, 12, 0, 0});
constexpr std::int64_t second_of_january = *to_seconds({2026, 1, 2, 15, 4, 5});

entry file(std::string name) {
    entry e;
    e.name = std::move(name);
    e.size = 1024;
    e.modified = second_of_january;
    return e;
}

std::string ls(const entry& e, std::int64_t at = now) {
    std::string out;
    append_unix_line(out, e, at);
    return out;
}

std::string mlsx_line(const entry& e, const fact_set& facts = {}) {
    std::string out;
    append_mlsx(out, e, facts);
    return out;
}

TEST(Calendar, ConvertsEveryDayOfFourCenturiesBothWays) {
    for (std::int64_t d = days_of(1900, 1, 1); d < days_of(2300, 1, 1); ++d) {
        const auto t = to_civil(d * day + 86399);
        ASSERT_EQ(days_of(t.year, t.month, t.day), d);
        ASSERT_EQ(to_seconds(t), d * day + 86399);
    }
}

TEST(Calendar, MomentsThatDoNotExist) {
    for (const civil_time bad : {civil_time{2025, 2, 29},
                                 {2026, 4, 31},
                                 {2026, 13, 1},
                                 {2026, 0, 1},
                                 {2026, 1, 0},
                                 {0, 1, 1},
                                 {10000, 1, 1},
                                 {2026, 1, 1, 24},
                                 {2026, 1, 1, 0, 60},
                                 {2026, 1, 1, 0, 0, 61},
                                 {1900, 2, 29}}) {
        EXPECT_FALSE(to_seconds(bad)) << bad.year << '-' << bad.month << '-' << bad.day;
    }
    EXPECT_TRUE(to_seconds({2024, 2, 29}));
    EXPECT_TRUE(to_seconds({2000, 2, 29}));
    EXPECT_EQ(to_seconds({2016, 12, 31, 23, 59, 60}), to_seconds({2017, 1, 1}));
}

TEST(Calendar, MomentsBeyondFourDigitsAreHeldAtTheEdge) {
    EXPECT_EQ(format_time(INT64_MAX), "99991231235959");
    EXPECT_EQ(format_time(INT64_MIN), "00010101000000");
    EXPECT_EQ(format_time(-1), "19691231235959");
}

TEST(Time, Rfc3659Form) {
    EXPECT_EQ(format_time(second_of_january), "20260102150405");
    EXPECT_EQ(parse_time("20260102150405"), second_of_january);
    EXPECT_EQ(parse_time("20260102150405.123"), second_of_january);
    EXPECT_EQ(parse_time("19700101000000"), 0);
    for (const auto* bad :
         {"", "2026010215040", "202601021504055", "20260102150405Z", "2026010215040x", " 20260102150405", "20260102150405 ",
          "20260102150405.x", "+2026010215040", "20260230000000", "19100010203040506"}) {
        EXPECT_FALSE(parse_time(bad)) << bad;
    }
}

TEST(UnixLine, TheFormEveryClientParses) {
    EXPECT_EQ(ls(file("name")), "-rw-r--r--    1 ftp      ftp              1024 Jan 02 15:04 name\r\n");
    auto d = file("dir with blanks");
    d.type = entry_type::directory;
    d.mode = 0755;
    d.size = 4096;
    EXPECT_EQ(ls(d), "drwxr-xr-x    1 ftp      ftp              4096 Jan 02 15:04 dir with blanks\r\n");
    auto l = file("link");
    l.type = entry_type::link;
    l.mode = 0777;
    l.link_target = "to/there";
    EXPECT_EQ(ls(l), "lrwxrwxrwx    1 ftp      ftp              1024 Jan 02 15:04 link -> to/there\r\n");
}

// IN-09
TEST(UnixLine, AllListingsReplaceControlCharacters) {
    const struct {
        std::string_view name;
        std::string_view shown;
    } rows[] = {{"a\x1b[2J", "a?[2J"},
                {"a\r\nb\x7f\tc", "a??b??c"},
                {"\x9b"
                 "2J",
                 "?2J"},
                {"\xc2\x9b"
                 "2J\xc2\x85",
                 "?2J?"},
                {"\xc3\x80\xe2\x82\xac", "\xc3\x80\xe2\x82\xac"},  // letters that hold such bytes
                {"caf\xe9\xff", "caf\xe9\xff"},                    // another encoding
                {"", ""}};
    for (const auto& row : rows) {
        std::string out;
        append_name(out, row.name);
        EXPECT_EQ(out, row.shown);
        entry e = file(std::string(row.name));
        EXPECT_TRUE(ls(e).ends_with(" " + std::string(row.shown) + "\r\n"));
        EXPECT_TRUE(mlsx_line(e).ends_with("; " + std::string(row.shown) + "\r\n"));
        EXPECT_TRUE(mlst_line(e, {}, row.name).ends_with("; " + std::string(row.shown)));
        e = file("l");
        e.type = entry_type::link;
        e.link_target = row.name;
        if (row.name.empty()) continue;
        EXPECT_TRUE(ls(e).ends_with(" -> " + std::string(row.shown) + "\r\n"));
    }
}

TEST(UnixLine, SeparatesManyLinksFromTheMode) {
    entry d = file("parent of many");
    d.links = 51024;
    EXPECT_TRUE(ls(d).starts_with("-rw-r--r-- 51024 ftp ")) << ls(d);
}

TEST(UnixLine, ShowsSpecialModeBits) {
    const auto mode = [](std::uint32_t bits) {
        auto e = file("x");
        e.mode = bits;
        return ls(e).substr(1, 9);
    };
    EXPECT_EQ(mode(0), "---------");
    EXPECT_EQ(mode(0777), "rwxrwxrwx");
    EXPECT_EQ(mode(07777), "rwsrwsrwt");
    EXPECT_EQ(mode(07000), "--S--S--T");
}

TEST(UnixLine, ShowsTheYearForOldAndFutureDates) {
    const auto time = [](std::int64_t modified) {
        auto e = file("x");
        e.modified = modified;
        return ls(e).substr(47, 12);
    };
    EXPECT_EQ(time(now), "Jun 15 12:00");
    EXPECT_EQ(time(now - 182 * day), "Dec 15 12:00");
    EXPECT_EQ(time(now - 183 * day), "Dec 14  2025");
    EXPECT_EQ(time(now + day), "Jun 16 12:00");
    EXPECT_EQ(time(now + 2 * day), "Jun 17  2026");
    EXPECT_EQ(time(0), "Jan 01  1970");
    EXPECT_EQ(time(*to_seconds({999, 1, 1, 0, 0, 0})), "Jan 01  0999");
}

// CVE-2024-48208.
TEST(Listing, IN07_ControlBytesInNamesForgeNoLine) {
    for (int c = 1; c < 256; ++c) {
        const auto byte = static_cast<char>(c);
        const bool control = c < 0x20 || (c >= 0x7f && c < 0xa0);  // C0, DEL, C1
        const std::string shown = std::string("a") + (control ? '?' : byte) + "b";
        const auto e = file(std::string("a") + byte + "b");
        EXPECT_TRUE(ls(e).ends_with(" " + shown + "\r\n")) << c;
        EXPECT_TRUE(mlsx_line(e).ends_with("; " + shown + "\r\n")) << c;
        EXPECT_TRUE(mlst_line(e, {}, e.name).ends_with("; " + shown)) << c;
    }
    auto e = file("a");
    e.owner = "x y\n";
    e.unique = "1;2 3";
    fact_set all;
    all.unix_owner = true;
    EXPECT_NE(ls(e).find(" x_y_ "), std::string::npos);
    EXPECT_NE(mlsx_line(e, all).find("unique=1_2_3;"), std::string::npos);
    EXPECT_NE(mlsx_line(e, all).find("UNIX.owner=x_y_;"), std::string::npos);
}

TEST(Mlsx, FactsInTheirOrder) {
    auto e = file("a b");
    e.perm = "adfrw";
    EXPECT_EQ(mlsx_line(e), "type=file;size=1024;modify=20260102150405;perm=adfrw;UNIX.mode=0644; a b\r\n");
    e.unique = "10U20";
    fact_set all;
    all.unix_owner = all.unix_group = true;
    EXPECT_EQ(mlsx_line(e, all),
              "type=file;size=1024;modify=20260102150405;perm=adfrw;unique=10U20;UNIX.mode=0644;UNIX.owner=ftp;"
              "UNIX.group=ftp; a b\r\n");
    EXPECT_EQ(mlsx_line(e, fact_set::parse("size;modify;")), "size=1024;modify=20260102150405; a b\r\n");
    EXPECT_EQ(mlsx_line(e, fact_set::parse("")), " a b\r\n");
    EXPECT_EQ(mlst_line(e, fact_set::parse("type;"), "/d/a b"), " type=file; /d/a b");
}

TEST(Mlsx, OnlyFilesHaveASize) {
    auto e = file("d");
    const auto facts = fact_set::parse("type;size;");
    e.type = entry_type::directory;
    EXPECT_EQ(mlsx_line(e, facts), "type=dir; d\r\n");
    e.type = entry_type::current;
    EXPECT_EQ(mlsx_line(e, facts), "type=cdir; d\r\n");
    e.type = entry_type::parent;
    EXPECT_EQ(mlsx_line(e, facts), "type=pdir; d\r\n");
    e.type = entry_type::link;
    EXPECT_EQ(mlsx_line(e, facts), "type=OS.unix=symlink; d\r\n");
}

TEST(FactSet, ChosenByOptsMlst) {
    EXPECT_EQ(fact_set().feat(), "type*;size*;modify*;perm*;unique*;UNIX.mode*;UNIX.owner;UNIX.group;");
    EXPECT_EQ(fact_set().text(), "type;size;modify;perm;unique;UNIX.mode;");
    EXPECT_EQ(fact_set::parse("TYPE;unix.OWNER;nonsense;;size").text(), "type;size;UNIX.owner;");
    EXPECT_EQ(fact_set::parse("").text(), "");
    EXPECT_EQ(fact_set::parse(";;;").text(), "");
}

TEST(Listing, WhatIsWrittenParsesBack) {
    for (const auto type : {entry_type::file, entry_type::directory, entry_type::link}) {
        for (const auto* name : {"plain", " leading", "trailing ", "two  blanks", "\xc3\xa4.txt", "a;b=c", "1 Jan 2020 x"}) {
            auto e = file(name);
            e.type = type;
            e.mode = 04751;
            e.links = 7;
            auto line = ls(e);
            line.resize(line.size() - 2);
            const auto unix_form = parse_list_line(line, now);
            ASSERT_TRUE(unix_form) << line;
            EXPECT_EQ(unix_form->name, name);
            EXPECT_EQ(unix_form->type, type);
            EXPECT_EQ(unix_form->mode, 04751U);
            EXPECT_EQ(unix_form->links, 7U);
            EXPECT_EQ(unix_form->modified, e.modified - 5) << "the form has no seconds";
            line = mlsx_line(e);
            line.resize(line.size() - 2);
            const auto facts = parse_mlsx(line);
            ASSERT_TRUE(facts) << line;
            EXPECT_EQ(facts->name, name);
            EXPECT_EQ(facts->type, type);
            EXPECT_EQ(facts->modified, e.modified);
            EXPECT_EQ(facts->has_size, type == entry_type::file);
        }
    }
}

// CVE-2002-1344 CVE-2002-1345 CVE-2008-5175 CVE-2010-2251 CVE-2014-4877 CVE-2018-10916 CVE-2018-20685 CVE-2019-6111
// CVE-2026-27699.
TEST(SafeName, CL04_OnlyOneOrdinaryComponent) {
    for (const auto* bad : {"", ".", "..", "../x", "/etc/x", "a/../../x", "a/b", "x\r\ny", "a\x1b[2J", "/"}) {
        EXPECT_FALSE(is_safe_name(bad)) << bad;
    }
    EXPECT_FALSE(is_safe_name(std::string_view("a\0b", 3)));
    for (const auto* good : {"a", "...", " ", "file:x", "-rf", "\xc3\xa4", "a\\b"}) EXPECT_TRUE(is_safe_name(good)) << good;
}

}  // namespace
}  // namespace sallyport::proto
