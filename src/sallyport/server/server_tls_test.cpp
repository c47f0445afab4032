// The server over TLS: explicit, implicit, data connections and their binding to the session (RFC 4217; TLS-01 to TLS-05).

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <sallyport/server/server_test_client.hpp>
#include <sallyport/vfs/memory_filesystem.hpp>

namespace sallyport::server::testing {
namespace {

using namespace std::chrono_literals;

std::string bytes(std::size_t count) { return std::string(count, 'x'); }

TEST(server_tls, explicit_tls_protects_control_and_data) {  // S6
    settings s = tls_settings();
    running_server server(s);
    client c(server.at());
    (void)c.reply();
    c.start_tls();
    c.log_in();
    for (const std::size_t size : {0UL, 1000UL, 2'000'000UL}) {
        EXPECT_EQ(c.upload("STOR f", bytes(size)), "226 Transfer completed.");
        EXPECT_TRUE(c.download("RETR f") == bytes(size)) << size;
    }
    EXPECT_NE(c.download("LIST").find(" f\r\n"), std::string::npos);
    EXPECT_EQ(c.ask("QUIT"), "221 Goodbye.");
}

TEST(server_tls, implicit_tls) {
    settings s = tls_settings();
    vfs::put_file(*s.files, "/f", "content");
    running_server server(s);
    client c(server.at(1));
    ASSERT_TRUE(c.control().start_tls(nullptr));
    EXPECT_TRUE(c.reply().starts_with("220 "));
    c.log_in();
    c.protect_data = true;
    EXPECT_EQ(c.download("RETR f"), "content");
}

TEST(server_tls, injected_command_behind_auth_ends_the_session) {  // TLS-01
    running_server server(tls_settings());
    client c(server.at());
    (void)c.reply();
    c.send("AUTH TLS\r\nUSER evil\r\n");
    EXPECT_TRUE(c.reply().starts_with("421 "));
    EXPECT_EQ(c.reply(), "");
}

TEST(server_tls, required_tls_refuses_user_without_331) {  // TLS-11
    settings s = tls_settings();
    s.tls_required = true;
    running_server server(s);
    client c(server.at());
    (void)c.reply();
    EXPECT_TRUE(c.ask("USER bob").starts_with("530 "));
    EXPECT_TRUE(c.ask("PASS secret").starts_with("530 "));
    EXPECT_EQ(server.counted().logins_refused, 0U);
    c.start_tls();
    c.log_in();
}

TEST(server_tls, a_fresh_session_on_the_data_connection_is_522_where_reuse_is_required) {  // TLS-04
    settings s = tls_settings();
    s.require_tls_reuse = true;
    vfs::put_file(*s.files, "/f", "content");
    running_server server(s);
    client c(server.at());
    (void)c.reply();
    c.start_tls();
    c.log_in();
    EXPECT_EQ(c.download("RETR f"), "content");
    c.resume = false;
    EXPECT_TRUE(c.download("RETR f").starts_with("522 "));
    c.resume = true;
    EXPECT_EQ(c.download("RETR f"), "content");
}

TEST(server_tls, a_session_of_another_control_connection_does_not_count) {  // TLS-04
    settings s = tls_settings();
    s.require_tls_reuse = true;
    vfs::put_file(*s.files, "/f", "content");
    running_server server(s);
    client thief(server.at());
    (void)thief.reply();
    thief.start_tls();
    thief.log_in();
    client c(server.at());
    (void)c.reply();
    c.start_tls();
    c.log_in();
    wire data = c.passive();
    EXPECT_TRUE(c.ask("RETR f").starts_with("150 "));
    (void)data.start_tls(thief.session());
    EXPECT_EQ(data.receive_all(), "");
    EXPECT_FALSE(c.reply().starts_with("226 "));
}

// curl closes the data connection of an upload before it has read the ticket that came on it, and begins the next one
// without: not a fault of its own making.
TEST(server_tls, a_client_may_resume_now_and_then_where_reuse_is_not_required) {
    settings s = tls_settings();
    vfs::put_file(*s.files, "/f", "content");
    running_server server(s);
    client c(server.at());
    (void)c.reply();
    c.start_tls();
    c.log_in();
    for (const bool resume : {false, true, false}) {
        c.resume = resume;
        EXPECT_EQ(c.download("RETR f"), "content");
    }
}

TEST(server_tls, hundred_transfers_resume_each_time) {
    settings s = tls_settings();
    s.require_tls_reuse = true;
    vfs::put_file(*s.files, "/f", "content");
    running_server server(s);
    client c(server.at());
    (void)c.reply();
    c.start_tls();
    c.log_in();
    for (int i = 0; i < 100; ++i) ASSERT_EQ(c.download("RETR f"), "content") << i;
}

TEST(server_tls, an_upload_without_close_notify_is_not_published) {  // TLS-05
    settings s = tls_settings();
    running_server server(s);
    client c(server.at());
    (void)c.reply();
    c.start_tls();
    c.log_in();
    wire data = c.passive();
    EXPECT_TRUE(c.ask("STOR f").starts_with("150 "));
    ASSERT_TRUE(data.start_tls(c.session()));
    data.send("half");
    ::shutdown(data.fd(), SHUT_WR);
    EXPECT_TRUE(c.reply().starts_with("426 "));
    EXPECT_FALSE(s.files->stat(*virtual_path().resolve("f"), vfs::may_block::yes));
}

TEST(server_tls, abort_under_tls) {  // IN-02
    settings s = tls_settings();
    vfs::put_file(*s.files, "/big", bytes(30'000'000));
    running_server server(s);
    client c(server.at());
    (void)c.reply();
    c.start_tls();
    c.log_in();
    wire data = c.passive();
    EXPECT_TRUE(c.ask("RETR big").starts_with("150 "));
    ASSERT_TRUE(data.start_tls(c.session()));
    c.send("ABOR\r\n");
    EXPECT_TRUE(c.reply().starts_with("426 "));
    EXPECT_TRUE(c.reply().starts_with("226 "));
}

TEST(server_tls, ccc_where_it_is_allowed) {  // TLS-06
    settings s = tls_settings();
    s.ccc = true;
    vfs::put_file(*s.files, "/f", "content");
    running_server server(s);
    client c(server.at());
    (void)c.reply();
    c.start_tls();
    c.log_in();
    EXPECT_TRUE(c.ask("PROT P").starts_with("200 "));
    EXPECT_TRUE(c.ask("CCC").starts_with("200 "));
    SSL_shutdown(c.control().tls());
    (void)SSL_shutdown(c.control().tls());
    ASSERT_EQ(::send(c.control().fd(), "NOOP\r\n", 6, MSG_NOSIGNAL), 6);
    char answer[64] = {};
    ASSERT_GT(::recv(c.control().fd(), answer, sizeof answer - 1, 0), 0);
    EXPECT_STREQ(answer, "200 OK.\r\n");
}

}  // namespace
}  // namespace sallyport::server::testing
