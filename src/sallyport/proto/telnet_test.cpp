#include <sallyport/proto/telnet.hpp>

#include <array>
#include <string>

#include <gtest/gtest.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/proto/test_segments.hpp>

namespace sallyport::proto {
namespace {

struct outcome {
    std::string text;
    std::string answers;
    bool allowed = true;
    friend bool operator==(const outcome&, const outcome&) = default;
};

outcome run(const segments& pieces) {
    telnet_filter filter;
    outcome out;
    for (const auto piece : pieces) {
        if (!filter.filter(piece, out.text, out.answers)) {
            out.allowed = false;
            break;
        }
    }
    return out;
}

void expect(const std::string& bytes, const std::string& text, const std::string& answers = {}) {
    for (const auto& pieces : segmentations(bytes)) EXPECT_EQ(run(pieces), (outcome{text, answers, true}));
    const std::string trailing = bytes + "NOOP\r\n";
    for (const auto& pieces : segmentations(trailing)) EXPECT_EQ(run(pieces), (outcome{text + "NOOP\r\n", answers, true}));
}

TEST(Telnet, IN02_RemovesCommandsAndUndoublesBytes) {
    expect("", "");
    expect("NOOP\r\n", "NOOP\r\n");
    expect(
        "\xff\xf4\xff\xf2"
        "ABOR\r\n",
        "ABOR\r\n");
    expect(
        "RETR a\xff\xff"
        "b\r\n",
        "RETR a\xff"
        "b\r\n");
    expect("\xff\xff\xff\xff", "\xff\xff");
    expect(
        "US\xff\xf1"
        "ER x\r\n",
        "USER x\r\n");
    expect("\xff\xf6\xff\xf0", "");
}

TEST(Telnet, IN02_AByteOfANameIsKept) {
    for (int c = 0; c < 256; ++c) {
        const std::string after(1, static_cast<char>(c));
        const bool command = c >= 0xf0;
        const bool negotiation = c >= 0xfb && c != 0xff;
        const std::string kept = command ? (c == 0xff ? "\xff" : "") : "\xff" + after;
        const std::string option = negotiation ? "o" : "";
        const std::string answer = negotiation ? (c <= 0xfc ? "\xff\xfeo" : "\xff\xfco") : "";
        expect("STOR d\xff" + after + option + "1.txt\r\n", "STOR d" + kept + "1.txt\r\n", answer);
        expect("\xff\xf4\xff\xf2STOR \xff" + after + option + "\r\n", "STOR " + kept + "\r\n", answer);
    }
    expect("STOR d\xff\r\n", "STOR d\xff\r\n");
    expect(
        "STOR d\xff\n\xff"
        "ABOR\r\n",
        "STOR d\xff\nABOR\r\n");
    expect(
        "STOR \xff\xff\xff"
        "1\r\n",
        "STOR \xff\xff"
        "1\r\n");
}

TEST(Telnet, IN02_EachLineStartsFresh) {
    const std::string interrupt =
        "\xff\xf4\xff"
        "ABOR\r\n";
    expect(interrupt + interrupt +
               "RETR \xff"
               "a\r\n" +
               interrupt,
           "ABOR\r\nABOR\r\nRETR \xff"
           "a\r\nABOR\r\n");
    // After removed bytes the filter is still at the start of the line, after other bytes it is not.
    expect(
        "\xff\xfb\x01\xff\xf6\xff"
        "NOOP\r\n",
        "NOOP\r\n", "\xff\xfe\x01");
    expect(
        "\xff\xff\xff"
        "NOOP\r\n",
        "\xff\xff"
        "NOOP\r\n");
}

TEST(Telnet, IN02_NegotiationIsRefused) {
    expect("\xff\xfb\x01", "", "\xff\xfe\x01");  // WILL -> DONT
    expect("\xff\xfc\x01", "", "\xff\xfe\x01");  // WONT -> DONT
    expect("\xff\xfd\x06", "", "\xff\xfc\x06");  // DO   -> WONT
    expect("\xff\xfe\x06", "", "\xff\xfc\x06");  // DONT -> WONT
    expect("\xff\xfd\xffQUIT\r\n", "QUIT\r\n", "\xff\xfc\xff");
}

TEST(Telnet, AnInterruptWithoutDataMarkDoesNotEatTheCommand) {
    // Without SO_OOBINLINE the urgent byte is not in the stream: "IAC IP IAC ABOR".
    expect(
        "\xff\xf4\xff"
        "ABOR\r\n",
        "ABOR\r\n");
}

TEST(Telnet, IN02_AFloodOfNegotiationIsAnsweredToItsLimit) {
    std::string flood;
    while (flood.size() < (1U << 20U)) flood += "\xff\xfd\x01";
    telnet_filter filter;
    std::string out;
    std::string answers;
    EXPECT_FALSE(filter.filter(flood, out, answers));
    EXPECT_EQ(answers.size(), 3U * limits::max_telnet_replies);
    EXPECT_EQ(out, "");
}

// CVE-2010-3972 CVE-2010-4221.
TEST(Telnet, IN02_OutputIsNeverLongerThanInputAndSplitsDoNotMatter) {
    // Every string of up to five of these bytes.
    constexpr std::array<char, 9> alphabet{'\xff', '\xfb', '\xfd', '\xf4', '\xf2', '\r', '\n', '\0', 'A'};
    std::string bytes;
    const auto check = [&](const auto& self, int left) -> void {
        const auto whole = run({bytes});
        ASSERT_LE(whole.text.size(), bytes.size());
        segments single;
        for (const char& c : bytes) single.emplace_back(&c, 1);
        ASSERT_EQ(run(single), whole);
        if (left == 0) return;
        for (const char c : alphabet) {
            bytes += c;
            self(self, left - 1);
            bytes.pop_back();
        }
    };
    check(check, 5);
}

TEST(Telnet, ACommandIsEscapedOnlyWhereItsBytesCouldBeTelnet) {
    EXPECT_EQ(telnet_escape_command("RETR d\xff"
                                    "1.txt\r\n"),
              "RETR d\xff"
              "1.txt\r\n");
    EXPECT_EQ(telnet_escape_command("RETR d\xff\r\n"), "RETR d\xff\r\n");
    EXPECT_EQ(telnet_escape_command("RETR d\xff"), "RETR d\xff");
    EXPECT_EQ(telnet_escape_command("RETR d\xff\xf2"
                                    "1\r\n"),
              "RETR d\xff\xff\xf2"
              "1\r\n");
    EXPECT_EQ(telnet_escape_command("RETR \xff\xff\r\n"), "RETR \xff\xff\xff\r\n");
    // GW-04: "\xff" "DELE a" is not DELE, and must not become DELE.
    EXPECT_EQ(telnet_escape_command("\xff"
                                    "DELE \xff"
                                    "a\r\n"),
              "\xff\xff"
              "DELE \xff"
              "a\r\n");
    EXPECT_EQ(telnet_escape_command("\xff\r\n"), "\xff\xff\r\n");
}

TEST(Telnet, EveryCommandComesBackThroughTheFilter) {
    constexpr std::array<char, 6> alphabet{'\xff', '\xfb', '\xf2', '\xef', ' ', 'A'};
    std::string line;
    const auto check = [&](const auto& self, int left) -> void {
        expect(telnet_escape_command(line + "\r\n"), line + "\r\n");
        if (left == 0) return;
        for (const char c : alphabet) {
            line += c;
            self(self, left - 1);
            line.pop_back();
        }
    };
    check(check, 4);
}

TEST(Telnet, EscapedTextComesBackThroughTheFilter) {
    for (const std::string text : {"", "plain", "\xff",
                                   "a\xff\xff"
                                   "b\xff"}) {
        EXPECT_EQ(run({telnet_escape(text)}).text, text);
    }
    EXPECT_EQ(telnet_unescape("a\xff\xff"
                              "b\xff"
                              "c\xff\xff\xff"),
              "a\xff"
              "b\xff"
              "c\xff\xff");
    EXPECT_EQ(telnet_escape("a\xff"
                            "b"),
              "a\xff\xff"
              "b");
}

}  // namespace
}  // namespace sallyport::proto
