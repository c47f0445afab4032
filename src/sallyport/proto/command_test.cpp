#include <sallyport/proto/command.hpp>

#include <map>
#include <set>
#include <string>

#include <gtest/gtest.h>

namespace sallyport::proto {
namespace {

using namespace std::string_literals;

std::string parsed(std::string_view line) {
    const auto c = parse_command(line);
    if (!c) return "refused";
    return (c->id == verb::unknown ? "?" + c->name : std::string(row_of(c->id).name)) + "|" + c->argument;
}

TEST(CommandTable, HasEveryVerbOnceInTheOrderOfTheEnum) {
    std::set<std::string_view> names;
    for (const auto& row : command_table()) {
        EXPECT_EQ(&row_of(row.id), &row);
        EXPECT_TRUE(names.insert(row.name).second) << row.name;
        EXPECT_FALSE(row.rfc.empty()) << row.name;
        EXPECT_EQ(row.syntax.empty(), row.argument == argument_shape::none) << row.name;
        const bool optional =
            row.argument == argument_shape::optional_text || row.argument == argument_shape::optional_keyword;
        EXPECT_EQ(row.syntax.starts_with('['), optional && row.id != verb::pass) << row.name;
    }
    EXPECT_EQ(names.size(), static_cast<std::size_t>(verb::unknown));
}

// GW-02, GW-03: the gateway joins data connections only for these verbs.
TEST(CommandTable, SaysWhatEachVerbHasToDoWithTheDataConnection) {
    std::map<data_use, std::set<std::string_view>> verbs;
    for (const auto& row : command_table()) {
        EXPECT_EQ(data_use_of(row.id), row.data) << row.name;
        if (row.data != data_use::none) verbs[row.data].insert(row.name);
    }
    const std::map<data_use, std::set<std::string_view>> expected{{data_use::passive, {"PASV", "EPSV"}},
                                                                  {data_use::active, {"PORT", "EPRT"}},
                                                                  {data_use::download, {"RETR"}},
                                                                  {data_use::upload, {"STOR", "STOU", "APPE"}},
                                                                  {data_use::listing, {"LIST", "NLST", "MLSD"}}};
    EXPECT_EQ(verbs, expected);
    EXPECT_EQ(data_use_of(verb::unknown), data_use::none);
}

TEST(CommandTable, FeatAnnouncesTheExtensions) {
    std::set<std::string_view> lines;
    for (const auto& row : command_table()) {
        if (!row.feat.empty()) lines.insert(row.feat);
    }
    for (const auto* line : {"EPRT", "EPSV", "MDTM", "MFMT", "REST STREAM", "SIZE", "TVFS", "UTF8", "HOST", "AUTH TLS",
                             "PBSZ", "PROT", "MLST", "LANG EN*"}) {
        EXPECT_TRUE(lines.contains(line)) << line;
    }
}

TEST(Command, VerbsAreFoundInAnyCase) {
    for (const auto& row : command_table()) {
        std::string line(row.name);
        const bool has_argument = row.argument != argument_shape::none;
        if (has_argument) line += " 1";
        const auto expected = std::string(row.name) + (has_argument ? "|1" : "|");
        EXPECT_EQ(parsed(line), expected);
        for (auto& c : line) c = static_cast<char>(c | 0x20);
        EXPECT_EQ(parsed(line), expected);
    }
    EXPECT_EQ(parsed("rEtR x"), "RETR|x");
}

TEST(Command, OldNamesOfRfc775ArePlainVerbs) {
    EXPECT_EQ(parsed("XPWD"), "PWD|");
    EXPECT_EQ(parsed("xcup"), "CDUP|");
    EXPECT_EQ(parsed("XCWD a"), "CWD|a");
    EXPECT_EQ(parsed("XMKD a"), "MKD|a");
    EXPECT_EQ(parsed("XRMD a"), "RMD|a");
}

TEST(Command, KeepsArgumentsUnchanged) {
    EXPECT_EQ(parsed("RETR  two  blanks "), "RETR| two  blanks ");
    EXPECT_EQ(parsed("RETR \xc3\xa4\xff.txt"), "RETR|\xc3\xa4\xff.txt");
    EXPECT_EQ(parsed("PASS "), "PASS|");
    EXPECT_EQ(parsed("PASS"), "PASS|");
    EXPECT_EQ(parsed("LIST -la"), "LIST|-la");
    EXPECT_EQ(parsed("NOOP "), "NOOP|");
}

TEST(Command, BlanksAtTheEndOfAKeywordOrNumberMeanNothing) {
    for (const auto* line : {"TYPE I",
                             "TYPE A N",
                             "TYPE L 8",
                             "STRU F",
                             "MODE S",
                             "REST 0",
                             "ALLO 10",
                             "ALLO 10 R 80",
                             "PORT 127,0,0,1,200,20",
                             "EPRT |1|127.0.0.1|50000|",
                             "EPSV 1",
                             "EPSV ALL",
                             "PROT P",
                             "PBSZ 0",
                             "AUTH TLS",
                             "OPTS UTF8 ON",
                             "OPTS MLST type;size;",
                             "LANG EN",
                             "HELP STOR",
                             "HOST a.example"}) {
        const std::string plain(line);
        EXPECT_NE(parsed(plain), "refused");
        for (const auto* blanks : {" ", "  ", "     "}) EXPECT_EQ(parsed(plain + blanks), parsed(plain)) << plain;
    }
    for (const auto& row : command_table()) {
        if (row.argument != argument_shape::none) continue;
        EXPECT_EQ(parsed(std::string(row.name) + "   "), std::string(row.name) + "|");
    }
}

TEST(Command, BlanksAtTheEndOfANameBelongToIt) {
    std::set<std::string_view> names;
    for (const auto& row : command_table()) {
        if (!is_name(row.argument)) continue;
        names.insert(row.name);
        EXPECT_EQ(parsed(std::string(row.name) + " a "), std::string(row.name) + "|a ");
    }
    EXPECT_EQ(names, (std::set<std::string_view>{"USER", "PASS", "ACCT", "CWD",  "SMNT", "RETR",  "STOR",    "STOU",
                                                 "APPE", "RNFR", "RNTO", "DELE", "RMD",  "MKD",   "LIST",    "NLST",
                                                 "SITE", "STAT", "MDTM", "MLSD", "MLST", "SIZE",  "MFMT",    "CLNT",
                                                 "MFF",  "AVBL", "HASH", "XCRC", "XMD5", "XSHA1", "XSHA256", "XSHA512"}));
    EXPECT_EQ(parsed("XYZZY a "), "?XYZZY|a ");
}

TEST(Command, CdupMayNameTheParent) {
    for (const auto* line : {"CDUP ..", "CDUP .. ", "cdup ..", "XCUP ..", "CDUP  "}) EXPECT_EQ(parsed(line), "CDUP|");
}

TEST(Command, UnknownVerbsAreNoErrorButLinesWithoutOneAre) {
    EXPECT_EQ(parsed("XYZZY now"), "?XYZZY|now");
    EXPECT_EQ(parsed("PORTXYZ junk"), "?PORTXYZ|junk");  // table 2.1 row Q
    EXPECT_EQ(parsed("RET\xd2 a"), "?RET\xd2|a");
    EXPECT_EQ(parsed("NOO@"), "?NOO@|");
    EXPECT_EQ(parsed(""), "refused");
    EXPECT_EQ(parsed(" NOOP"), "refused");  // row O: refused, not normalised
}

TEST(Command, TheTableRefusesWrongShapes) {
    for (const auto* line : {"RETR", "RETR ", "QUIT now", "PASV 1", "USER", "REST", "PORT", "CDUP /", "CDUP ...", "TYPE  ",
                             "REST  ", "PWD .."}) {
        EXPECT_EQ(parsed(line), "refused") << line;
    }
    const auto error = parse_command("RETR");
    EXPECT_EQ(error.error().code, errc::syntax);
    EXPECT_NE(error.error().what.find("RETR <SP> pathname"), std::string::npos) << error.error().what;
}

// CVE-2020-6835 CVE-2021-40524 CVE-2025-14242.
TEST(Command, IN11_NumbersArePlainDecimals) {
    for (const auto* good :
         {"0", "00", "007", "2147483647", "2147483648", "4294967295", "4294967296", "9223372036854775807"}) {
        EXPECT_EQ(parsed("REST "s + good), "REST|"s + good);
    }
    for (const auto* bad :
         {"-1", "-0", "+1", "0x10", "1e3", "9223372036854775808", "18446744073709551615", "18446744073709551616",
          "10000000000000000000000000000000000000000", "", " 1", "1\t", "1 2", "\xd9\xa1"}) {
        EXPECT_EQ(parsed("REST "s + bad), "refused") << bad;
        EXPECT_EQ(parsed("PBSZ "s + bad), "refused") << bad;
    }
}

// CVE-2025-47812.
TEST(Command, ControlBytesAreRefusedAnywhere) {
    for (int c = 0; c < 256; ++c) {
        const bool control = c < 0x20 || c == 0x7f;
        const auto byte = std::string(1, static_cast<char>(c));
        EXPECT_EQ(parsed("RETR a" + byte + "b") == "refused", control) << c;
        EXPECT_EQ(parsed("RETR a" + byte) == "refused", control) << c;
    }
}

// CVE-2023-51713.
TEST(Command, IN03_EveryLineOfOneOrTwoBytesAndEveryPrefix) {
    for (int a = 0; a < 256; ++a) {
        for (int b = -1; b < 256; ++b) {
            std::string line(1, static_cast<char>(a));
            if (b >= 0) line += static_cast<char>(b);
            const auto c = parse_command(line);
            if (c) {
                ASSERT_EQ(c->id, verb::unknown) << "no verb has so few letters";
            }
            (void)is_foreign_protocol(line);
            (void)mask_secrets(line);
        }
    }
    for (const auto& row : command_table()) {
        for (std::size_t n = 1; n < row.name.size(); ++n)
            EXPECT_NE(parsed(row.name.substr(0, n)), std::string(row.name) + "|");
    }
}

TEST(Command, CL02_NothingThatBreaksALineIsEverFormatted) {
    EXPECT_EQ(format_command("NOOP").value(), "NOOP\r\n");
    EXPECT_EQ(format_command("RETR", "a b").value(), "RETR a b\r\n");
    for (const auto& bad : {"a\rb"s, "a\nb"s, "a\0b"s, "a\r\nDELE x"s, "\n"s}) {
        EXPECT_EQ(format_command("RETR", bad).error().code, errc::name_invalid);
        EXPECT_EQ(format_command("NO" + bad).error().code, errc::name_invalid);
    }
    EXPECT_TRUE(format_command("RETR", "\xc4\x8a")) << "U+010A is a letter, not a line break";
}

TEST(Command, WhatIsFormattedParsesBack) {
    for (const auto* argument : {"a", " leading", "trailing ", "two  blanks", "\xc3\xa9", "100% \"x\""}) {
        auto line = format_command("RETR", argument).value();
        line.resize(line.size() - 2);
        EXPECT_EQ(parsed(line), "RETR|"s + argument);
    }
}

TEST(Command, GW01_TLS07_LinesOfOtherProtocolsAreKnown) {
    for (const auto* line :
         {"GET / HTTP/1.1", "POST /x?y=z HTTP/1.0", "PRI * HTTP/2.0", "INVITE sip:a@b SIP/2.0", "OPTIONS rtsp://x RTSP/1.0",
          "SSH-2.0-OpenSSH_9.2", "EHLO mail.example", "helo x", "\x16\x03\x01\x02"}) {
        EXPECT_TRUE(is_foreign_protocol(line)) << line;
    }
    for (const auto* line :
         {"", "USER a", "RETR HTTP/1.1", "STOR notes HTTP/1.1", "GET file", "HELP", "HOST a.example", "XYZ HTTP/", "SSH"}) {
        EXPECT_FALSE(is_foreign_protocol(line)) << line;
    }
}

TEST(Command, S7_PasswordsAreMaskedHoweverTheyAreWritten) {
    EXPECT_EQ(mask_secrets("PASS secret"), "PASS ****");
    EXPECT_EQ(mask_secrets("pass a b c"), "pass ****");
    EXPECT_EQ(mask_secrets("ACCT secret"), "ACCT ****");
    EXPECT_EQ(mask_secrets("  PASS secret"), "  PASS ****");
    EXPECT_EQ(mask_secrets("PASS\tsecret"), "PASS ****");
    EXPECT_EQ(mask_secrets("PASS"), "PASS");
    EXPECT_EQ(mask_secrets("USER bob"), "USER bob");
    EXPECT_EQ(mask_secrets("PASV"), "PASV");
    EXPECT_EQ(mask_secrets(""), "");
}

}  // namespace
}  // namespace sallyport::proto
