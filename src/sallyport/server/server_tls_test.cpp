// The server over TLS: explicit, implicit, and data connections with TLS session reuse (RFC 4217; TLS-01 to TLS-05).

#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#include <sys/socket.h>

#include <sallyport/base/limits.hpp>

#include <sallyport/server/server_test.hpp>

namespace sallyport::server {
namespace {

std::string bytes(std::size_t count) { return std::string(count, 'x'); }

class server_tls : public server_test {
protected:
    server_tls() { use_tls(); }
    [[nodiscard]] ftp_client tls_client() const {
        auto c = client();
        EXPECT_EQ(c.reply().substr(0, 3), "220");
        c.start_tls();
        c.send_password();
        return c;
    }
};

TEST_F(server_tls, explicit_tls_protects_control_and_data) {  // S6
    start();
    auto c = tls_client();
    for (const std::size_t size : {0UL, 1000UL, 2'000'000UL}) {
        EXPECT_EQ(c.upload("STOR f", bytes(size)), "226 Transfer completed.");
        EXPECT_TRUE(c.download("RETR f") == bytes(size)) << size;
    }
    EXPECT_NE(c.download("LIST").find(" f\r\n"), std::string::npos);
    EXPECT_EQ(c.ask("QUIT"), "221 Goodbye.");
}

TEST_F(server_tls, implicit_tls) {
    vfs::put_file(*setup.files, "/f", "content");
    start();
    ftp_client c{blocking_socket::connect(port(1))};
    ASSERT_TRUE(c.control.connect_tls());
    c.log_in();
    c.protect_data = true;
    EXPECT_EQ(c.download("RETR f"), "content");
}

TEST_F(server_tls, injected_command_after_auth_ends_the_session) {  // TLS-01
    start();
    auto c = client();
    (void)c.reply();
    c.control.send("AUTH TLS\r\nUSER evil\r\n");
    EXPECT_TRUE(c.reply().starts_with("421 "));
    EXPECT_EQ(c.reply(), "");
}

TEST_F(server_tls, required_tls_refuses_user_without_331) {  // TLS-11
    setup.tls_required = true;
    start();
    auto c = client();
    (void)c.reply();
    EXPECT_TRUE(c.ask("USER bob").starts_with("530 "));
    EXPECT_TRUE(c.ask("PASS secret").starts_with("530 "));
    EXPECT_EQ(counters.logins_refused.load(), 0U);
    c.start_tls();
    c.send_password();
}

TEST_F(server_tls, a_new_tls_session_on_the_data_connection_is_522_if_reuse_is_required) {  // TLS-04
    setup.tls_reuse = net::tls_reuse::require;
    vfs::put_file(*setup.files, "/f", "content");
    start();
    auto c = tls_client();
    EXPECT_EQ(c.download("RETR f"), "content");
    c.resume = false;
    EXPECT_TRUE(c.download("RETR f").starts_with("522 "));
    c.resume = true;
    EXPECT_EQ(c.download("RETR f"), "content");
}

TEST_F(server_tls, a_tls_session_of_another_control_connection_is_refused) {  // TLS-04
    setup.tls_reuse = net::tls_reuse::require;
    vfs::put_file(*setup.files, "/f", "content");
    start();
    auto other = tls_client();
    auto c = tls_client();
    blocking_socket data = c.passive();
    EXPECT_TRUE(c.ask("RETR f").starts_with("150 "));
    (void)data.connect_tls(&other.control);
    EXPECT_EQ(data.read_to_end(), "");
    EXPECT_FALSE(c.reply().starts_with("226 "));
}

std::chrono::steady_clock::duration time_of(const std::function<void()>& work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::steady_clock::now() - start;
}

/// Another host with the client's address, which does what `work` does with its connection to the passive port.
class other_host {
public:
    other_host(std::uint16_t port, std::function<void(blocking_socket&)> work)
        : socket_(blocking_socket::connect(port)), thread_([this, work = std::move(work)] { work(socket_); }) {}
    void finish() { thread_.join(); }

private:
    blocking_socket socket_;
    std::jthread thread_;
};

TEST_F(server_tls, the_client_that_resumes_its_session_is_served_and_no_other_host) {  // TLS-04
    vfs::put_file(*setup.files, "/f", "content");
    start();
    auto c = tls_client();
    for (const bool upload : {false, true, false}) {
        std::string stolen;
        const std::uint16_t port = c.passive_port();
        other_host other(port, [&stolen](blocking_socket& s) {
            (void)s.connect_tls();
            stolen = s.read_to_end();
        });
        auto data = blocking_socket::connect(port);
        EXPECT_TRUE(c.ask(upload ? "STOR g" : "RETR f").starts_with("150 "));
        std::this_thread::sleep_for(50ms);
        ASSERT_TRUE(data.connect_tls(&c.control));
        EXPECT_TRUE(data.tls_resumed());
        if (upload) {
            EXPECT_TRUE(data.send("mine"));
            data.finish();
        } else {
            EXPECT_EQ(data.read_to_end(), "content");
        }
        EXPECT_TRUE(c.reply().starts_with("226 "));
        other.finish();
        EXPECT_EQ(stolen, "");
    }
    EXPECT_EQ(c.download("RETR g"), "mine");
    EXPECT_EQ(counters.unexpected_peers.load(), 3U);
}

TEST_F(server_tls, many_connections_of_another_host_get_nothing) {  // TLS-04
    vfs::put_file(*setup.files, "/f", "content");
    start();
    auto c = tls_client();
    const std::uint16_t port = c.passive_port();
    std::vector<blocking_socket> others;
    for (std::size_t i = 0; i <= limits::max_held_data_connections; ++i) others.push_back(blocking_socket::connect(port));
    EXPECT_TRUE(c.ask("RETR f").starts_with("150 "));
    other_host other(port, [](blocking_socket& s) { (void)s.connect_tls(); });
    for (auto& each : others) each.cut();
    EXPECT_TRUE(c.reply().starts_with("522 "));
    other.finish();
    EXPECT_EQ(c.download("RETR f"), "content");
}

TEST_F(server_tls, a_client_that_does_not_resume_is_delayed_once) {  // TLS-04
    vfs::put_file(*setup.files, "/f", "content");
    start();
    auto c = tls_client();
    const auto download = [&c] { EXPECT_EQ(c.download("RETR f"), "content"); };
    EXPECT_LT(time_of(download), limits::new_tls_session_delay);
    c.resume = false;
    EXPECT_GE(time_of(download), limits::new_tls_session_delay);
    EXPECT_LT(time_of(download), limits::new_tls_session_delay);
    c.resume = true;
    EXPECT_LT(time_of(download), limits::new_tls_session_delay);
    c.resume = false;
    EXPECT_GE(time_of(download), limits::new_tls_session_delay);
}

TEST_F(server_tls, abort_while_a_data_connection_is_held) {  // TLS-04
    vfs::put_file(*setup.files, "/f", "content");
    start();
    auto c = tls_client();
    other_host held(c.passive_port(), [](blocking_socket& s) { EXPECT_FALSE(s.connect_tls()); });
    EXPECT_TRUE(c.ask("RETR f").starts_with("150 "));
    std::this_thread::sleep_for(20ms);
    EXPECT_TRUE(c.ask("ABOR").starts_with("426 "));
    EXPECT_TRUE(c.reply().starts_with("226 "));
    held.finish();
    EXPECT_EQ(c.download("RETR f"), "content");
}

std::string ticket_of(const blocking_socket& s) {
    const unsigned char* ticket = nullptr;
    std::size_t size = 0;
    SSL_SESSION_get0_ticket(SSL_get0_session(s.tls()), &ticket, &size);
    return {reinterpret_cast<const char*>(ticket), size};
}

TEST_F(server_tls, the_client_gets_a_new_ticket_before_each_data_connection) {  // TLS-04
    start();
    auto c = tls_client();
    for (const std::string command : {"EPSV", "PASV"}) {
        const std::string before = ticket_of(c.control);
        (void)c.passive_port(command);
        EXPECT_NE(ticket_of(c.control), before);
    }
}

// curl closes the data connection of an upload before it has read the ticket sent on it, and therefore starts the next one
// without a ticket.
TEST_F(server_tls, a_client_may_resume_some_sessions_if_reuse_is_not_required) {
    vfs::put_file(*setup.files, "/f", "content");
    start();
    auto c = tls_client();
    for (const bool resume : {false, true, false}) {
        c.resume = resume;
        EXPECT_EQ(c.download("RETR f"), "content");
    }
}

TEST_F(server_tls, no_tls_session_is_issued_if_reuse_is_off) {  // TLS-04
    setup.tls_reuse = net::tls_reuse::off;
    vfs::put_file(*setup.files, "/f", "content");
    start();
    auto c = tls_client();
    blocking_socket data = c.passive();
    EXPECT_TRUE(c.ask("RETR f").starts_with("150 "));
    ASSERT_TRUE(data.connect_tls(&c.control));
    EXPECT_FALSE(data.tls_resumed());
    EXPECT_EQ(data.read_to_end(), "content");
    EXPECT_TRUE(c.reply().starts_with("226 "));
}

TEST_F(server_tls, hundred_transfers_resume_each_time) {
    setup.tls_reuse = net::tls_reuse::require;
    vfs::put_file(*setup.files, "/f", "content");
    start();
    auto c = tls_client();
    for (int i = 0; i < 100; ++i) ASSERT_EQ(c.download("RETR f"), "content") << i;
}

TEST_F(server_tls, an_upload_without_close_notify_is_not_published) {  // TLS-05
    start();
    auto c = tls_client();
    blocking_socket data = c.passive();
    EXPECT_TRUE(c.ask("STOR f").starts_with("150 "));
    ASSERT_TRUE(data.connect_tls(&c.control));
    data.send("half");
    ::shutdown(data.get(), SHUT_WR);
    EXPECT_TRUE(c.reply().starts_with("426 "));
    EXPECT_FALSE(setup.files->stat(*virtual_path().resolve("f"), vfs::may_block::yes));
}

TEST_F(server_tls, abort_under_tls) {  // IN-02
    vfs::put_file(*setup.files, "/big", bytes(30'000'000));
    start();
    auto c = tls_client();
    blocking_socket data = c.passive();
    EXPECT_TRUE(c.ask("RETR big").starts_with("150 "));
    ASSERT_TRUE(data.connect_tls(&c.control));
    c.control.send("ABOR\r\n");
    EXPECT_TRUE(c.reply().starts_with("426 "));
    EXPECT_TRUE(c.reply().starts_with("226 "));
}

TEST_F(server_tls, ccc_where_it_is_allowed) {  // TLS-06
    setup.ccc_allowed = true;
    vfs::put_file(*setup.files, "/f", "content");
    start();
    auto c = tls_client();
    EXPECT_TRUE(c.ask("PROT P").starts_with("200 "));
    EXPECT_TRUE(c.ask("CCC").starts_with("200 "));
    SSL_shutdown(c.control.tls());
    (void)SSL_shutdown(c.control.tls());
    ASSERT_EQ(::send(c.control.get(), "NOOP\r\n", 6, MSG_NOSIGNAL), 6);
    char answer[64] = {};
    ASSERT_GT(::recv(c.control.get(), answer, sizeof answer - 1, 0), 0);
    EXPECT_STREQ(answer, "200 OK.\r\n");
}

}  // namespace
}  // namespace sallyport::server
