#include <sallyport/client/http_connect.hpp>

#include <gtest/gtest.h>

#include <string>

#include <sallyport/client/proxy_dialogue_test.hpp>

namespace sallyport::client {
namespace {

const proxy_server open_http{proxy_kind::http, "proxy", 3128, {}, {}};
const std::string first_of_server = "220 ready\r\n\r\n";

proxy_run run_connect(std::string_view answers, std::size_t piece = 64, const proxy_server& proxy = open_http,
                      const proxy_destination& to = {"ftp.example.org", 21}) {
    return run_dialogue(http_connect_dialogue(proxy, to), answers, piece);
}

TEST(HttpConnect, ReadsNothingOfTheServer) {
    for (const std::string head : {"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n", "HTTP/1.0 200 OK\n\n",
                                   "HTTP/1.0 201\r\n\r\n", "HTTP/1.1 200 OK\nA: b\n\r\n"})
        for (const std::size_t piece : {1U, 2U, 64U}) {
            const auto got = run_connect(head + first_of_server, piece);
            EXPECT_TRUE(got.end) << head;
            EXPECT_EQ(got.rest, first_of_server) << head;
            EXPECT_EQ(got.sent, "CONNECT ftp.example.org:21 HTTP/1.1\r\nHost: ftp.example.org:21\r\n\r\n");
        }
}

TEST(HttpConnect, LogsIn) {
    const auto login_of_user = [](const std::string& user, const std::string& password) {
        const auto sent =
            run_connect("", 64, {proxy_kind::http, "proxy", 3128, user, password}, {"2001:db8::1", 40001}).sent;
        EXPECT_TRUE(sent.starts_with("CONNECT [2001:db8::1]:40001 HTTP/1.1\r\n"));
        const auto at = sent.find("Proxy-Authorization: Basic ") + 27;
        return sent.substr(at, sent.find('\r', at) - at);
    };
    EXPECT_EQ(login_of_user("Aladdin", "open sesame"), "QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    EXPECT_EQ(login_of_user("a", "b"), "YTpi");
    EXPECT_EQ(login_of_user("a", "\xff\xfe\xfd"), "YTr//v0=");
}

TEST(HttpConnect, NamesTheReasonOfARefusal) {
    const auto why = [](const std::string& status) { return run_connect("HTTP/1.1 " + status + "\r\n\r\n").end.error(); };
    EXPECT_EQ(why("407 Proxy Authentication Required").code, errc::login_refused);
    EXPECT_EQ(why("403 Forbidden").code, errc::not_allowed);
    EXPECT_EQ(why("502 Bad Gateway").code, errc::unreachable);
    EXPECT_EQ(why("503 x").code, errc::unreachable);
    EXPECT_EQ(why("504 x").code, errc::timeout);
    EXPECT_EQ(why("400 Bad Request").code, errc::rejected);
    EXPECT_EQ(why("100 Continue").code, errc::rejected);
    EXPECT_EQ(why("502 Bad Gateway").what, "it cannot connect to ftp.example.org:21: 502 Bad Gateway");
}

TEST(HttpConnect, RefusesOtherProtocolsAtOnce) {
    for (const std::string answers :
         {"2", "220 ready", "HTTP/2", "HTTP/1.1\r\n\r\n", "HTTP/1.1 \r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "\n\n"}) {
        const auto got = run_connect(answers);
        ASSERT_FALSE(got.end) << answers;
        EXPECT_EQ(got.end.error().code, errc::syntax) << answers;
    }
    EXPECT_EQ(run_connect("HTTP/1.1 200 " + std::string(20000, 'x')).end.error().code, errc::too_long);
}

TEST(HttpConnect, WaitsForTheWholeHead) {
    const std::string whole = "HTTP/1.1 200 OK\r\nA: b\r\n\r\n";
    for (std::size_t length = 0; length < whole.size(); ++length)
        EXPECT_EQ(run_connect(std::string_view(whole).substr(0, length)).end.error().code, errc::closed) << length;
}

}  // namespace
}  // namespace sallyport::client
