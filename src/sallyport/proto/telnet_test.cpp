#include <sallyport/proto/telnet.hpp>

#include <array>
#include <string>

#include <gtest/gtest.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/proto/test_feed.hpp>

namespace sallyport::proto {
namespace {

struct outcome {
    std::string text;
    std::string answers;
    bool allowed = true;
    friend bool operator==(const outcome&, const outcome&) = default;
};

outcome run(const arrival& pieces) {
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
    for (const auto& pieces : arrivals(bytes)) EXPECT_EQ(run(pieces), (outcome{text, answers, true}));
    const std::string trailing = bytes + "NOOP\r\n";
    for (const auto& pieces : arrivals(trailing)) EXPECT_EQ(run(pieces), (outcome{text + "NOOP\r\n", answers, true}));
}

TEST(Telnet, IN02_CommandsVanishAndDoubledBytesBecomeOne) {
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

TEST(Telnet, IN02_NegotiationIsRefused) {
    expect("\xff\xfb\x01", "", "\xff\xfe\x01");  // WILL -> DONT
    expect("\xff\xfc\x01", "", "\xff\xfe\x01");  // WONT -> DONT
    expect("\xff\xfd\x06", "", "\xff\xfc\x06");  // DO   -> WONT
    expect("\xff\xfe\x06", "", "\xff\xfc\x06");  // DONT -> WONT
    expect("\xff\xfd\xffQUIT\r\n", "QUIT\r\n", "\xff\xfc\xff");
}

TEST(Telnet, AnInterruptWhoseDataMarkWasLostDoesNotEatTheCommand) {
    // Without SO_OOBINLINE the urgent byte is not in the stream: IAC IP IAC ABOR.
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
    EXPECT_EQ(answers.size(), 3U * limits::telnet_answers);
    EXPECT_EQ(out, "");
}

TEST(Telnet, IN02_OutputIsNeverLongerThanInputAndSplitsDoNotMatter) {
    // Every string of up to five of these bytes.
    constexpr std::array<char, 9> alphabet{'\xff', '\xfb', '\xfd', '\xf4', '\xf2', '\r', '\n', '\0', 'A'};
    std::string bytes;
    const auto check = [&](const auto& self, int left) -> void {
        const auto whole = run({bytes});
        ASSERT_LE(whole.text.size(), bytes.size());
        arrival single;
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

TEST(Telnet, EscapedTextComesBackThroughTheFilter) {
    for (const std::string text : {"", "plain", "\xff",
                                   "a\xff\xff"
                                   "b\xff"}) {
        EXPECT_EQ(run({telnet_escape(text)}).text, text);
    }
    EXPECT_EQ(telnet_escape("a\xff"
                            "b"),
              "a\xff\xff"
              "b");
}

}  // namespace
}  // namespace sallyport::proto
