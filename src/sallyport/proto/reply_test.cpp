#include <sallyport/proto/reply.hpp>

#include <chrono>
#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/proto/test_segments.hpp>

namespace sallyport::proto {
namespace {

using status = reply_parser::status;
using namespace std::string_literals;

struct outcome {
    std::vector<reply> replies;
    bool failed = false;
    friend bool operator==(const outcome&, const outcome&) = default;
    friend void PrintTo(const outcome& o, std::ostream* out) {
        for (const auto& r : o.replies) {
            *out << r.code;
            for (const auto& line : r.lines) *out << '|' << line;
            *out << ' ';
        }
        *out << (o.failed ? "failed" : "");
    }
};

outcome run(const segments& pieces) {
    reply_parser parser;
    outcome out;
    reply r;
    for (const auto piece : pieces) {
        parser.append(piece);
        auto got = parser.next(r);
        for (; got == status::reply; got = parser.next(r)) out.replies.push_back(r);
        out.failed = got == status::error;
    }
    return out;
}

void expect(const std::string& bytes, const std::vector<reply>& replies) {
    for (const auto& pieces : segmentations(bytes)) EXPECT_EQ(run(pieces), (outcome{replies, false}));
    const std::string trailing = bytes + "22";
    for (const auto& pieces : segmentations(trailing)) EXPECT_EQ(run(pieces), (outcome{replies, false}));
}

void expect_error(const std::string& bytes, errc code) {
    for (const auto& pieces : segmentations(bytes)) EXPECT_TRUE(run(pieces).failed);
    reply_parser parser;
    parser.append(bytes + "220 ready\r\n");
    reply r;
    while (parser.next(r) == status::reply) {
    }
    EXPECT_EQ(parser.next(r), status::error) << "the error is permanent";
    EXPECT_EQ(parser.failure().code, code);
    EXPECT_FALSE(parser.failure().what.empty());
}

TEST(ReplyParser, SingleLines) {
    expect("220 ready\r\n", {{220, {"ready"}}});
    expect("220  two\r\n331 x\r\n", {{220, {" two"}}, {331, {"x"}}});
    expect("220 \r\n", {{220, {""}}});
    // Some servers send no text and no blank.
    expect("220\r\n", {{220, {""}}});
    expect("220 ready\n", {{220, {"ready"}}});
    expect("220 ready\r\r\n", {{220, {"ready"}}});
}

TEST(ReplyParser, MultiLineEndsAtItsOwnCodeAndABlankOnly) {
    expect("230-Hi\r\n230-there\r\n230 ok\r\n", {{230, {"Hi", "there", "ok"}}});
    expect("211-Features:\r\n MDTM\r\n REST STREAM\r\n211 End\r\n", {{211, {"Features:", " MDTM", " REST STREAM", "End"}}});
    expect("230-a\r\n220 not the end\r\n220\r\n2300 nor this\r\n\r\n230 end\r\n",
           {{230, {"a", "220 not the end", "220", "2300 nor this", "", "end"}}});
    expect("230-\r\n230 \r\n", {{230, {"", ""}}});
}

TEST(ReplyParser, TheCodeAloneEndsAMultiLineReply) {
    // RFC 3659, section 7.2, in the form of some servers.
    expect("250-\r\n type=file;size=3; x\r\n250\r\n", {{250, {"", " type=file;size=3; x", ""}}});
    expect("200-blabla\r\n200-\r\n200\r\n226 x\r\n", {{200, {"blabla", "", ""}}, {226, {"x"}}});
    expect("553-\n553\n", {{553, {"", ""}}});
    expect("230-a\r\n230x\r\n 230\r\n2301\r\n230\r\n", {{230, {"a", "230x", " 230", "2301", ""}}});
}

TEST(ReplyParser, BlankLinesBetweenRepliesMeanNothing) {
    expect("220 hi\r\n\r\n331 x\r\n", {{220, {"hi"}}, {331, {"x"}}});
    expect("\r\n \r\n\n\r\r\n\t\r\n220 hi\r\n", {{220, {"hi"}}});
    // Within a multi-line reply a blank line is a line.
    expect("220-hi\r\n\r\n220 x\r\n", {{220, {"hi", "", "x"}}});
    expect("\r\n", {});
}

TEST(ReplyParser, C7_EndlessBlankLinesAreRefused) {
    std::string bytes;
    for (std::size_t i = 0; i < limits::max_reply_lines; ++i) bytes += "\r\n";
    expect(bytes + "220 x\r\n" + bytes, {{220, {"x"}}});
    expect_error(bytes + "\r\n", errc::too_long);
}

TEST(ReplyParser, OnlyBlank) {
    struct row {
        std::string bytes;
        bool blank;
    };
    for (const auto& [bytes, blank] : std::vector<row>{{"", true},
                                                       {"\r", true},
                                                       {"\r\n", true},
                                                       {" \r\n\r\n", true},
                                                       {"2", false},
                                                       {"220", false},
                                                       {"220-x\r\n", false},
                                                       {"220-x\r\n\r\n", false},
                                                       {"\r\n2", false}}) {
        for (const auto* before : {"", "220 ready\r\n", "220-a\r\n220\r\n"}) {
            const auto all = before + bytes;
            for (const auto& pieces : segmentations(all)) {
                SCOPED_TRACE(all);
                reply_parser parser;
                reply r;
                for (const auto piece : pieces) {
                    parser.append(piece);
                    while (parser.next(r) == status::reply) {
                    }
                }
                EXPECT_EQ(parser.only_blank(), blank);
            }
        }
    }
    // Also before they are read: they follow a reply.
    reply_parser parser;
    reply r;
    parser.append("220 hi\r\n\r\n\r");
    ASSERT_EQ(parser.next(r), status::reply);
    EXPECT_TRUE(parser.only_blank());
    EXPECT_EQ(parser.pending(), 3U) << "it counts before a TLS handshake";
    parser.append("\n2");
    EXPECT_FALSE(parser.only_blank());
}

TEST(Reply, SearchesAllLines) {
    const auto number = [](std::string_view line) -> result<int> {
        if (line.starts_with('#')) return static_cast<int>(line.size());
        return fail(errc::syntax, std::string(line));
    };
    EXPECT_EQ(*search_lines({200, {"#"}}, number), 1);
    EXPECT_EQ(*search_lines({200, {"a", "##", "###"}}, number), 2);
    EXPECT_EQ(search_lines({200, {"a", "b"}}, number).error().what, "a");
}

TEST(Reply, ItsWholeTextIsOneLine) {
    EXPECT_EQ((reply{550, {"No"}}).full_text(), "No");
    EXPECT_EQ((reply{550, {"", " Sorry, ", "", "no such file"}}).full_text(), "Sorry, no such file");
    EXPECT_EQ((reply{550, {"", " "}}).full_text(), "");
    const reply banner{230, std::vector<std::string>(100, std::string(60, 'x'))};
    EXPECT_LE(banner.full_text().size(), 503U);
    EXPECT_TRUE(banner.full_text().ends_with("..."));
}

TEST(Reply, GW02_KnowsWhatOffersAPort) {
    for (const int code : {227, 228, 229}) EXPECT_TRUE((reply{code, {""}}).offers_port());
    for (const int code : {226, 230, 127, 327, 527}) EXPECT_FALSE((reply{code, {""}}).offers_port());
}

TEST(ReplyParser, GW02_AnInner227IsText) {
    expect("550-x\r\n227 Entering Passive Mode (10,2,0,2,0,22)\r\n550 y\r\n",
           {{550, {"x", "227 Entering Passive Mode (10,2,0,2,0,22)", "y"}}});
}

TEST(ReplyParser, CL03_WhatIsNoReplyIsRefused) {
    for (const auto* bad : {"hello\r\n", "22\r\n", "2200 x\r\n", "220x\r\n", "999 x\r\n", "-20 x\r\n", "099 x\r\n",
                            "060 x\r\n", "260 x\r\n", "700 x\r\n", " 220 x\r\n", "SSH-2.0-x\r\n", "HTTP/1.1 400 Bad\r\n"}) {
        expect_error(bad, errc::syntax);
    }
    expect_error("220 a\0b\r\n"s, errc::syntax);
    expect_error("220 a\rb\r\n", errc::syntax);
}

// CVE-2000-0973 CVE-2002-0608 CVE-2003-1259 CVE-2003-1368 CVE-2007-0217 CVE-2007-3161 CVE-2010-20122 CVE-2017-15222
// CVE-2018-12113 CVE-2018-1000300 CVE-2025-34107.
TEST(ReplyParser, C7_AnOverlongBannerIsRefusedAtOnceAndNotStored) {
    // CVE-2017-18047: 220 and thousands of bytes.
    expect_error("220 " + std::string(limits::max_reply_line, 'A') + "\r\n", errc::too_long);
    reply_parser parser;
    reply r;
    parser.append("220 " + std::string(8192, 'A'));
    EXPECT_EQ(parser.next(r), status::error);
    EXPECT_EQ(parser.failure().code, errc::too_long);
    EXPECT_EQ(parser.pending(), 0U);
}

TEST(ReplyParser, C7_EndlessRepliesAreRefused) {
    std::string lines = "220-a\r\n";
    for (int i = 0; i < 2000; ++i) lines += "220-\r\n";
    reply_parser many;
    reply r;
    many.append(lines);
    EXPECT_EQ(many.next(r), status::error);
    EXPECT_EQ(many.failure().code, errc::too_long);

    std::string bytes = "220-a\r\n";
    for (int i = 0; i < 40; ++i) bytes += "220-" + std::string(8000, 'x') + "\r\n";
    reply_parser large;
    large.append(bytes);
    EXPECT_EQ(large.next(r), status::error);
    EXPECT_EQ(large.failure().code, errc::too_long);
}

TEST(ReplyParser, TheLargestAllowedReplyPasses) {
    std::string bytes = "220-a\r\n";
    for (std::size_t i = 2; i < limits::max_reply_lines; ++i) bytes += "220-" + std::string(200, 'x') + "\r\n";
    bytes += "220 end\r\n";
    reply_parser parser;
    parser.append(bytes);
    reply r;
    ASSERT_EQ(parser.next(r), status::reply);
    EXPECT_EQ(r.lines.size(), limits::max_reply_lines);
}

TEST(ReplyParser, TLS02_PendingCountsAHalfReply) {
    reply_parser parser;
    reply r;
    parser.append("234 ok\r\n230-in\r\n");
    ASSERT_EQ(parser.next(r), status::reply);
    EXPECT_GT(parser.pending(), 0U);
    EXPECT_EQ(parser.next(r), status::need_more);
    EXPECT_GT(parser.pending(), 0U);
    parser.clear();
    EXPECT_EQ(parser.pending(), 0U);
}

TEST(ReplyParser, ByteByByteInputIsLinear) {
    std::string bytes;
    while (bytes.size() < (4U << 20U)) bytes += "230-" + std::string(4000, 'x') + "\r\n230 end\r\n";
    const auto start = std::chrono::steady_clock::now();
    reply_parser parser;
    reply r;
    std::size_t replies = 0;
    for (const char& c : bytes) {
        parser.append({&c, 1});
        while (parser.next(r) == status::reply) ++replies;
    }
    EXPECT_GT(replies, 1000U);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

TEST(ReplyWriter, OneLine) {
    std::string out;
    append_reply(out, 220, "ready");
    append_reply(out, 200, "");
    EXPECT_EQ(out, "220 ready\r\n200 \r\n");
}

TEST(ReplyWriter, IN07_ForeignTextCannotForgeALine) {
    std::string out;
    append_reply(out, 257, "\"a\r\n227 x\0y\" created"s);
    EXPECT_EQ(out, "257 \"a??227 x?y\" created\r\n");
    out.clear();
    append_reply(out, 211, "a\nb", {"c\r\n211 d"}, "e\rf");
    EXPECT_EQ(out, "211-a?b\r\n c??211 d\r\n211 e?f\r\n");
}

TEST(ReplyWriter, GW02_InnerLinesAreIndentedOnce) {
    std::string out;
    append_reply(out, 211, "Features:", {"MDTM", " type=file; /a", "227 x"}, "End");
    EXPECT_EQ(out, "211-Features:\r\n MDTM\r\n type=file; /a\r\n 227 x\r\n211 End\r\n");
}

TEST(ReplyWriter, WhatAGatewaySendsOnParsesToItself) {
    for (const auto* text : {"220 a\r\n", "220\r\n", "230-Hi\r\n230-there\r\nraw\r\n 227 x\r\n550 y\r\n\r\n230 ok\r\n",
                             "250-\r\n x\r\n250\r\n", "211-F\r\n MDTM\r\n211 End\r\n"}) {
        const auto first = run({text}).replies.at(0);
        std::string written;
        append_reply(written, first);
        const auto second = run({written}).replies.at(0);
        std::string again;
        append_reply(again, second);
        EXPECT_EQ(written, again);
        EXPECT_EQ(first.code, second.code);
        EXPECT_EQ(first.lines.size(), second.lines.size());
    }
}

}  // namespace
}  // namespace sallyport::proto
