#include <sallyport/client/socks5.hpp>

#include <gtest/gtest.h>

#include <string>

#include <sallyport/client/proxy_dialogue_test.hpp>

namespace sallyport::client {
namespace {

using namespace std::string_literals;

const proxy_server open_socks{proxy_kind::socks5, "proxy", 1080, {}, {}};
const proxy_server socks_with_login{proxy_kind::socks5, "proxy", 1080, "jo", "secret"};
const proxy_destination ftp_server{"ftp.example.org", 21};
const auto socks_success = "\5\0\0\1\xc0\0\2\1\0\x15"s;
const auto greeting = "220 ready\r\n"s;

proxy_run run_socks(const proxy_server& proxy, const proxy_destination& to, std::string_view answers,
                    std::size_t piece = 64) {
    return run_dialogue(socks5_dialogue(proxy, to), answers, piece);
}

TEST(Socks5, ConnectsByNameAndReadsNothingOfTheServer) {
    for (const std::size_t piece : {1U, 2U, 3U, 64U}) {
        const auto got = run_socks(open_socks, ftp_server, "\5\0"s + socks_success + greeting, piece);
        EXPECT_TRUE(got.end);
        EXPECT_EQ(got.sent, "\5\1\0"s + "\5\1\0\3\x0f"s + "ftp.example.org" + "\0\x15"s);
        EXPECT_EQ(got.rest, greeting);
    }
}

TEST(Socks5, ConnectsByAddress) {
    EXPECT_EQ(run_socks(open_socks, {"192.0.2.1", 40001}, "\5\0"s + socks_success).sent,
              "\5\1\0"s + "\5\1\0\1\xc0\0\2\1\x9c\x41"s);
    EXPECT_EQ(run_socks(open_socks, {"2001:db8::1", 21}, "\5\0"s + socks_success).sent,
              "\5\1\0"s + "\5\1\0\4\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1\0\x15"s);
}

TEST(Socks5, AcceptsEveryKindOfAddressInTheReply) {
    for (const auto& reply : {"\5\0\0\4"s + std::string(16, 'x') + "\0\1"s, "\5\0\0\3\3abc\0\1"s, "\5\0\0\3\0\0\1"s})
        for (const std::size_t piece : {1U, 64U}) {
            const auto got = run_socks(open_socks, ftp_server, "\5\0"s + reply + greeting, piece);
            EXPECT_TRUE(got.end);
            EXPECT_EQ(got.rest, greeting);
        }
}

TEST(Socks5, LogsInIfTheProxyAsks) {
    const auto got = run_socks(socks_with_login, ftp_server, "\5\2\1\0"s + socks_success + greeting);
    EXPECT_TRUE(got.end);
    EXPECT_TRUE(got.sent.starts_with("\5\2\0\2"s + "\1\2jo\6secret"s + "\5\1\0\3"s)) << got.sent;
    EXPECT_EQ(got.rest, greeting);
    // Not if it does not.
    EXPECT_EQ(run_socks(socks_with_login, ftp_server, "\5\0"s + socks_success).sent.find("secret"), std::string::npos);
}

TEST(Socks5, NamesTheReasonOfARefusal) {
    const auto code = [](const proxy_server& proxy, const std::string& answers) {
        const auto got = run_socks(proxy, ftp_server, answers);
        if (got.end) return errc::misuse;
        EXPECT_EQ(got.end.error().what.find("secret"), std::string::npos);
        return got.end.error().code;
    };
    EXPECT_EQ(code(open_socks, "\5\xff"s), errc::login_refused);
    EXPECT_EQ(code(open_socks, "\5\2"s), errc::login_refused);
    EXPECT_EQ(code(socks_with_login, "\5\1"s), errc::login_refused);
    EXPECT_EQ(code(socks_with_login, "\5\2\1\1"s), errc::login_refused);
    EXPECT_EQ(code(open_socks, "\5\0\5\1"s), errc::unreachable);
    EXPECT_EQ(code(open_socks, "\5\0\5\2\0\1"s), errc::not_allowed);
    EXPECT_EQ(code(open_socks, "\5\0\5\4"s), errc::unreachable);
    EXPECT_EQ(code(open_socks, "\5\0\5\5\0\1\0\0\0\0\0\0"s), errc::refused);
    EXPECT_EQ(code(open_socks, "\5\0\5\6"s), errc::timeout);
    EXPECT_EQ(code(open_socks, "\5\0\5\7"s), errc::unsupported);
    EXPECT_EQ(code(open_socks, "\5\0\5\x63"s), errc::rejected);
    EXPECT_EQ(run_socks(open_socks, ftp_server, "\5\0\5\5"s).end.error().what,
              "it cannot connect to ftp.example.org:21: connection refused");
}

TEST(Socks5, RefusesOtherProtocolsAtOnce) {
    for (const auto& answers : {"2"s, "HTTP/1.1 400"s, "\4\0"s, "\5\0\1"s, "\5\0\5\0\0\2xxxxxx"s}) {
        const auto got = run_socks(open_socks, ftp_server, answers);
        ASSERT_FALSE(got.end);
        EXPECT_EQ(got.end.error().code, errc::syntax) << answers;
    }
    EXPECT_EQ(run_socks(open_socks, {std::string(256, 'h'), 21}, "\5\0").end.error().code, errc::usage);
}

TEST(Socks5, WaitsForTheWholeAnswer) {
    const auto whole = "\5\2\1\0"s + socks_success;
    for (std::size_t length = 0; length < whole.size(); ++length) {
        const auto got = run_socks(socks_with_login, ftp_server, std::string_view(whole).substr(0, length));
        ASSERT_FALSE(got.end) << length;
        EXPECT_EQ(got.end.error().code, errc::closed);
    }
}

}  // namespace
}  // namespace sallyport::client
