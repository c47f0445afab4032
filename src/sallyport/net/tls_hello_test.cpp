#include <sallyport/net/tls_hello.hpp>

#include <gtest/gtest.h>
#include <sallyport/net/net_test.hpp>
#include <sallyport/net/tls_hello_test.hpp>

namespace sallyport::net {
namespace {

using kind = tls_hello::kind;
class TlsHello : public testing::TestWithParam<int> {
protected:
    const tls_server_context server_ = made_up_server();
    const memory_tls_client client_{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(net, TlsHello, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& p) { return p.param == TLS1_2_VERSION ? "v12" : "v13"; });

// G8, TLS-04: the ticket identifies the control session before the handshake, and as often as it is sent.
TEST_P(TlsHello, NamesTheSessionThatItResumes) {
    const auto session = client_.session_with(server_, "session 1");
    const auto other = client_.session_with(server_, "session 2");
    const auto bytes = client_.hello(session.get());
    for (int i = 0; i < 2; ++i) {
        const auto found = read_tls_hello(server_, bytes);
        EXPECT_EQ(found.is, kind::resumes);
        EXPECT_EQ(found.session_id_context, "session 1");
    }
    EXPECT_EQ(read_tls_hello(server_, client_.hello(other.get())).session_id_context, "session 2");
    EXPECT_EQ(read_tls_hello(server_, bytes + "and more").is, kind::resumes);
}

// G10: so the server is known before the handshake.
TEST_P(TlsHello, HasTheServerNameThatTheClientRequests) {
    EXPECT_EQ(read_tls_hello(server_, client_.hello(nullptr, "ftp.example.org")).server_name, "ftp.example.org");
    EXPECT_EQ(read_tls_hello(server_, client_.hello(nullptr, std::string(255, 'a'))).server_name, std::string(255, 'a'));
    EXPECT_EQ(read_tls_hello(server_, client_.hello()).server_name, "");
    const auto session = client_.session_with(server_, "session 1");
    const auto resumed = read_tls_hello(server_, client_.hello(session.get(), "ftp.example.org"));
    EXPECT_EQ(resumed.server_name, "ftp.example.org");
    EXPECT_EQ(resumed.session_id_context, "session 1");
}

TEST_P(TlsHello, NeedsTheCompleteHello) {
    const auto session = client_.session_with(server_, "session 1");
    const auto bytes = client_.hello(session.get());
    for (std::size_t size = 0; size < bytes.size(); ++size)
        ASSERT_EQ(read_tls_hello(server_, std::string_view(bytes).substr(0, size)).is, kind::need_more) << size;
}

TEST_P(TlsHello, WithoutATicketOfThisServerItIsANewSession) {
    EXPECT_EQ(read_tls_hello(server_, client_.hello()).is, kind::new_session);
    const auto other_server = made_up_server();
    const auto session = client_.session_with(other_server, "session 1");
    const auto found = read_tls_hello(server_, client_.hello(session.get()));
    EXPECT_EQ(found.is, kind::new_session) << "another server's ticket";
}

TEST_P(TlsHello, OtherBytesAreNotTls) {
    EXPECT_EQ(read_tls_hello(server_, "USER anonymous\r\n").is, kind::not_tls);
    EXPECT_EQ(read_tls_hello(server_, std::string("\0\0\0", 3)).is, kind::not_tls);
    EXPECT_EQ(read_tls_hello(server_, "\x16garbage of any kind").is, kind::new_session);
    auto bytes = client_.hello();
    // Not a ClientHello any more.
    bytes[5] = 'x';
    EXPECT_NE(read_tls_hello(server_, bytes).is, kind::resumes);
}

// A peer cannot make the server buffer more and more bytes.
TEST_P(TlsHello, HasAMaximumSize) {
    std::string endless("\x16\x03\x01\x3f\xff\x01\x00\xff\xff", 9);
    endless.resize(max_tls_hello, 'a');
    EXPECT_NE(read_tls_hello(server_, endless).is, kind::need_more);
}

class TlsHelloOnAStream : public net_test {
protected:
    static task<std::string> peek_twice(loop& l, tls_server_context server, std::string hello) {
        auto pair = co_await make_stream_pair(l);
        const auto half = hello.substr(0, hello.size() / 2);
        const auto rest = hello.substr(half.size());
        const auto began = co_await pair.client.write_all(half, soon());
        const auto early = co_await peek_tls_hello(pair.server, server, time_limit::within(std::chrono::milliseconds(50)));
        EXPECT_TRUE(began && !early && early.error().code == errc::timeout);
        const auto ended = co_await pair.client.write_all(rest, soon());
        const auto complete = co_await peek_tls_hello(pair.server, server, soon());
        EXPECT_TRUE(ended && complete && complete->server_name == "ftp.example.org");
        std::string read(hello.size(), '\0');
        const auto got = co_await pair.server.read_some(read, soon());
        EXPECT_TRUE(got && *got == hello.size());
        pair.client.close();
        const auto left = co_await peek_tls_hello(pair.server, server, soon());
        EXPECT_TRUE(!left && left.error().code == errc::closed);
        co_return read;
    }
};

// G10: a session whose TLS passes begins with the same bytes.
TEST_F(TlsHelloOnAStream, IsLeftToBeRead) {
    const auto hello = memory_tls_client(TLS1_3_VERSION).hello(nullptr, "ftp.example.org");
    EXPECT_EQ(run(peek_twice(test_loop(), made_up_server(), hello)), hello);
}

}  // namespace
}  // namespace sallyport::net
