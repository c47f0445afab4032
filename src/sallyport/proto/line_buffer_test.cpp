#include <sallyport/proto/line_buffer.hpp>

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <sallyport/proto/test_segments.hpp>

namespace sallyport::proto {
namespace {

using status = line_buffer::status;
using namespace std::string_literals;

/// The results, one word per event: the line, "!bad:LINE" or "!long".
std::vector<std::string> drain(line_buffer& buffer) {
    std::vector<std::string> out;
    for (std::string_view line;;) {
        switch (buffer.next(line)) {
            case status::line: out.emplace_back(line); break;
            case status::bad_byte: out.push_back("!bad:" + std::string(line)); break;
            case status::too_long: out.emplace_back("!long"); break;
            case status::need_more: return out;
        }
    }
}

std::vector<std::string> events(const segments& pieces, std::size_t max_line, std::size_t& pending) {
    line_buffer buffer(max_line);
    std::vector<std::string> out;
    for (const auto piece : pieces) {
        buffer.append(piece);
        for (auto& event : drain(buffer)) out.push_back(std::move(event));
    }
    pending = buffer.pending();
    return out;
}

void expect_events(const std::string& bytes, const std::vector<std::string>& expected, std::size_t max_line = 20) {
    for (const auto& pieces : segmentations(bytes)) {
        std::size_t pending = 0;
        EXPECT_EQ(events(pieces, max_line, pending), expected);
        EXPECT_EQ(pending, 0U);
    }
    const std::string trailing = bytes + "NO";
    for (const auto& pieces : segmentations(trailing)) {
        std::size_t pending = 0;
        EXPECT_EQ(events(pieces, max_line, pending), expected);
        EXPECT_EQ(pending, 2U) << "the start of the next line is stored";
    }
}

TEST(LineBuffer, SplitJoinedAndPipelinedInputGiveTheSameLines) {
    expect_events("NOOP\r\n", {"NOOP"});
    expect_events("USER a\r\nPASS b\r\nPORT 10,1,0,2,200,1\r\n", {"USER a", "PASS b", "PORT 10,1,0,2,200,1"});
    expect_events("\r\n\r\n", {"", ""});
    expect_events("", {});
}

TEST(LineBuffer, Table21RowI_BareLineFeedEndsALine) { expect_events("NOOP\nQUIT\r\n", {"NOOP", "QUIT"}); }

TEST(LineBuffer, NulAndBareCarriageReturnAreReportedWithTheirLine) {
    expect_events("A\rB\r\nOK\r\n", {"!bad:A\rB", "OK"});
    expect_events("A\0B\r\nOK\r\n"s, {"!bad:A\0B"s, "OK"});
    expect_events("A\r\r\nOK\r\n", {"!bad:A\r", "OK"});
    expect_events("\rA\n", {"!bad:\rA"});
}

TEST(LineBuffer, TheLimitCountsTheLineWithoutItsEnd) {
    expect_events(std::string(20, 'x') + "\r\n", {std::string(20, 'x')});
    expect_events(std::string(20, 'x') + "\n", {std::string(20, 'x')});
    expect_events(std::string(21, 'x') + "\r\nOK\r\n", {"!long", "OK"});
    expect_events(std::string(20, 'x') + "\rx\r\nOK\r\n", {"!long", "OK"});
}

// CVE-2008-4242 CVE-2008-4247 CVE-2008-7016.
TEST(LineBuffer, IN01_TheTailOfALongLineIsNeverACommand) {
    for (std::size_t n = 0; n < 60; ++n) {
        const auto line = "NOOP" + std::string(n, 'A') + " DELE keep.txt";
        const auto expected = line.size() <= 20 ? line : "!long";
        expect_events(line + "\r\nQUIT\r\n", {expected, "QUIT"});
    }
}

// CVE-2006-2173 CVE-2019-18217.
TEST(LineBuffer, IN01_AnEndlessLineIsReportedOnceAndTakesNoMemory) {
    line_buffer buffer(4096);
    const std::string noise(8192, 'A');
    int reports = 0;
    for (int i = 0; i < 8192; ++i) {  // 64 MiB
        buffer.append(noise);
        for (const auto& event : drain(buffer)) reports += event == "!long" ? 1 : 0;
        ASSERT_LE(buffer.pending(), 4097U);
    }
    EXPECT_EQ(reports, 1);
    buffer.append(" DELE keep.txt\r\nNOOP\r\n");
    EXPECT_EQ(drain(buffer), std::vector<std::string>{"NOOP"});
}

TEST(LineBuffer, IN03_EveryLineOfOneOrTwoBytes) {
    for (int a = 0; a < 256; ++a) {
        for (int b = -1; b < 256; ++b) {
            std::string bytes(1, static_cast<char>(a));
            if (b >= 0) bytes += static_cast<char>(b);
            line_buffer whole(20);
            whole.append(bytes + "\r\nNOOP\r\n");
            const auto expected = drain(whole);
            ASSERT_EQ(expected.back(), "NOOP");
            line_buffer bytewise(20);
            std::vector<std::string> got;
            for (const char c : bytes + "\r\nNOOP\r\n") {
                bytewise.append(std::string_view(&c, 1));
                for (auto& event : drain(bytewise)) got.push_back(std::move(event));
            }
            ASSERT_EQ(got, expected) << a << ' ' << b;
        }
    }
}

TEST(LineBuffer, ByteByByteInputIsLinear) {
    // Quadratic work would take hours here.
    constexpr std::size_t size = 8U << 20U;
    const auto start = std::chrono::steady_clock::now();
    line_buffer one_line(size);
    std::string_view line;
    for (std::size_t i = 0; i < size; ++i) {
        one_line.append("x");
        ASSERT_EQ(one_line.next(line), status::need_more);
    }
    line_buffer many_lines(20);
    std::string batch;
    for (int i = 0; i < 500'000; ++i) batch += "NOOP\r\n";
    many_lines.append(batch);
    for (int i = 0; i < 500'000; ++i) {
        ASSERT_EQ(many_lines.next(line), status::line);
        many_lines.append("N");  // more arrives while lines wait
    }
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

TEST(LineBuffer, TLS01_PendingCountsBytesAfterTheLine) {
    line_buffer buffer(20);
    buffer.append("AUTH TLS\r\nU");
    std::string_view line;
    ASSERT_EQ(buffer.next(line), status::line);
    EXPECT_EQ(buffer.pending(), 1U);
    buffer.clear();
    EXPECT_EQ(buffer.pending(), 0U);
    buffer.append("NOOP\r\n");
    EXPECT_EQ(drain(buffer), std::vector<std::string>{"NOOP"});
}

TEST(LineBuffer, ALimitChangedBetweenLinesHoldsForTheNextLine) {
    line_buffer buffer(4);
    buffer.append("USER\r\nPASS x\r\n");
    std::string_view line;
    ASSERT_EQ(buffer.next(line), status::line);
    buffer.set_max_line(6);
    ASSERT_EQ(buffer.next(line), status::line);
    EXPECT_EQ(line, "PASS x");
}

}  // namespace
}  // namespace sallyport::proto
