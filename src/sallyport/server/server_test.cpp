// The server over real loopback connections, with a client that can violate the protocol. Small files in memory, short
// timeouts.

#include <sallyport/server/server_test.hpp>
#include <support/faulty_filesystem.hpp>

namespace sallyport::server {
namespace {

std::string bytes(std::size_t count) {
    std::string out(count, '\0');
    std::uint32_t x = 12345;
    for (char& c : out) c = static_cast<char>((x = x * 1664525U + 1013904223U) >> 24U);
    return out;
}

TEST_F(server_test, anonymous_may_read_and_nothing_else) {  // S8
    vfs::put_file(*setup.files, "/hello.txt", "hello\n");
    start();
    auto c = client();
    EXPECT_EQ(c.reply(), "220 Sallyport ready.");
    EXPECT_EQ(c.ask("USER anonymous"), "331 Guest login ok, send your e-mail address as password.");
    EXPECT_EQ(c.ask("PASS NcFTP@"), "230 Logged in anonymously.");
    EXPECT_EQ(c.ask("TYPE I"), "200 Type is image (binary).");
    EXPECT_EQ(c.download("RETR hello.txt"), "hello\n");
    EXPECT_TRUE(c.ask("DELE hello.txt").starts_with("550 "));
    EXPECT_TRUE(c.ask("MKD d").starts_with("550 "));
    EXPECT_TRUE(c.ask("RNFR hello.txt").starts_with("550 "));
    EXPECT_TRUE(c.upload("STOR new", "x").starts_with("550 "));
    EXPECT_EQ(c.ask("QUIT"), "221 Goodbye.");
    EXPECT_EQ(c.reply(), "");
}

TEST_F(server_test, wrong_password_is_530_and_counted) {
    start();
    auto c = client();
    (void)c.reply();
    EXPECT_EQ(c.code("USER bob"), "331");
    EXPECT_EQ(c.code("PASS wrong"), "530");
    EXPECT_EQ(counters.logins_refused.load(), 1U);
}

class session_test : public server_test {
protected:
    void SetUp() override {
        start();
        c = logged_in();
    }
    ftp_client c;
};

TEST_F(session_test, round_trip_of_small_and_large_files) {
    for (const std::size_t size : {0UL, 1UL, 1024UL, 65536UL, 65537UL, 3'000'000UL}) {
        const std::string content = bytes(size);
        EXPECT_EQ(c.upload("STOR f", content), "226 Transfer completed.") << size;
        EXPECT_TRUE(vfs::get_file(*setup.files, "/f") == content) << size;
        EXPECT_TRUE(c.download("RETR f") == content) << size;
    }
    EXPECT_EQ(c.ask("SIZE f"), "213 3000000");
}

TEST_F(session_test, resume_and_append) {
    const std::string content = bytes(200'000);
    vfs::put_file(*setup.files, "/f", content);
    EXPECT_TRUE(c.ask("REST 150000").starts_with("350 "));
    EXPECT_TRUE(c.download("RETR f") == content.substr(150'000));
    EXPECT_TRUE(c.ask("REST 100000").starts_with("350 "));
    EXPECT_TRUE(c.upload("STOR f", "tail").starts_with("226 "));
    EXPECT_EQ(vfs::get_file(*setup.files, "/f").substr(99'999, 5), content.substr(99'999, 1) + "tail");
    EXPECT_TRUE(c.upload("APPE f", "more").starts_with("226 "));
    EXPECT_TRUE(vfs::get_file(*setup.files, "/f").ends_with("more"));
    EXPECT_TRUE(c.ask("REST 9999999").starts_with("350 "));
    EXPECT_TRUE(c.download("RETR f").starts_with("554 "));
    EXPECT_TRUE(c.ask("REST 9999999").starts_with("350 "));
    EXPECT_TRUE(c.upload("STOR f", "x").starts_with("554 "));
}

TEST_F(session_test, ascii_converts_both_ways) {
    (void)c.ask("TYPE A");
    EXPECT_TRUE(c.upload("STOR f", "one\r\ntwo\r\n").starts_with("226 "));
    EXPECT_EQ(vfs::get_file(*setup.files, "/f"), "one\ntwo\n");
    EXPECT_EQ(c.download("RETR f"), "one\r\ntwo\r\n");
}

TEST_F(session_test, directories_names_and_listings) {
    EXPECT_EQ(c.ask("MKD pub"), "257 \"/pub\" created.");
    EXPECT_EQ(c.ask("CWD pub"), "250 \"/pub\" is the current directory.");
    vfs::put_file(*setup.files, "/pub/a.txt", "a");
    vfs::put_file(*setup.files, "/pub/b.bin", "bb");
    vfs::put_file(*setup.files, "/pub/.hidden", "h");
    const std::string listed = c.download("LIST");
    EXPECT_NE(listed.find(" a.txt\r\n"), std::string::npos) << listed;
    EXPECT_EQ(listed.find(".hidden"), std::string::npos);
    EXPECT_NE(c.download("LIST -a").find(".hidden\r\n"), std::string::npos);
    EXPECT_EQ(c.download("NLST *.txt"), "a.txt\r\n");
    EXPECT_EQ(c.download("NLST /pub/*.bin"), "/pub/b.bin\r\n");
    EXPECT_EQ(c.download("NLST a.txt"), "a.txt\r\n");
    EXPECT_NE(c.download("MLSD").find("size=2;"), std::string::npos);
    EXPECT_NE(c.ask("MLST b.bin").find("size=2;"), std::string::npos);
    EXPECT_NE(c.ask("STAT -l /pub").find(" b.bin\n"), std::string::npos);
    EXPECT_TRUE(c.download("MLSD a.txt").starts_with("501 "));
    EXPECT_TRUE(c.download("LIST nowhere").starts_with("550 "));
    EXPECT_TRUE(c.ask("RNFR a.txt").starts_with("350 "));
    EXPECT_TRUE(c.ask("RNTO c.txt").starts_with("250 "));
    EXPECT_TRUE(c.ask("MFMT 20260102150405 c.txt").starts_with("213 "));
    EXPECT_EQ(c.ask("MDTM c.txt"), "213 20260102150405");
    EXPECT_TRUE(c.ask("DELE c.txt").starts_with("250 "));
    EXPECT_TRUE(c.ask("DELE c.txt").starts_with("550 "));
    EXPECT_TRUE(c.ask("RMD /pub").starts_with("550 "));
    EXPECT_TRUE(c.ask("CWD b.bin").starts_with("550 "));
    EXPECT_EQ(c.ask("CDUP"), "250 \"/\" is the current directory.");
}

TEST_F(session_test, store_unique_never_overwrites) {
    blocking_socket data = c.passive();
    const std::string first = c.ask("STOU");
    ASSERT_TRUE(first.starts_with("150 FILE: ")) << first;
    data.send("one");
    data.finish();
    EXPECT_TRUE(c.reply().starts_with("226 "));
    const std::string name = first.substr(10);
    EXPECT_EQ(vfs::get_file(*setup.files, "/" + name), "one");
    EXPECT_TRUE(c.upload("STOU", "two").starts_with("226 "));
    EXPECT_EQ(vfs::get_file(*setup.files, "/" + name), "one");
}

TEST_F(session_test, active_mode_by_port_and_eprt) {  // S1
    vfs::put_file(*setup.files, "/f", "content");
    const blocking_listener listener;
    const unsigned port = listener.port();
    EXPECT_EQ(c.ask(fmt::format("PORT 127,0,0,1,{},{}", port / 256, port % 256)), "200 PORT command successful.");
    EXPECT_EQ(c.ask("RETR f"), "150 Opening BINARY mode data connection for f (7 bytes).");
    EXPECT_EQ(listener.accept().read_to_end(), "content");
    EXPECT_TRUE(c.reply().starts_with("226 "));
    EXPECT_TRUE(c.ask(fmt::format("EPRT |1|127.0.0.1|{}|", port)).starts_with("200 "));
    (void)c.ask("TYPE A");
    EXPECT_EQ(c.ask("LIST"), "150 Opening ASCII mode data connection for /bin/ls.");
    EXPECT_NE(listener.accept().read_to_end().find(" f\r\n"), std::string::npos);
    EXPECT_EQ(c.reply(), "226 Listing completed.");
}

TEST_F(session_test, active_mode_to_a_closed_port_is_425_with_the_reason) {
    const std::uint16_t closed = testing::refused_port();
    (void)c.ask(fmt::format("EPRT |1|127.0.0.1|{}|", closed));
    const std::string answer = c.ask("LIST");
    EXPECT_TRUE(
        answer.starts_with(fmt::format("425 Cannot open the data connection to 127.0.0.1:{}: connection refused", closed)))
        << answer;
    EXPECT_EQ(counters.transfers_failed.load(), 1U);
}

TEST_F(session_test, pasv_advertises_the_client_destination) {  // S3
    vfs::put_file(*setup.files, "/f", "content");
    const std::string answer = c.ask("PASV");
    EXPECT_TRUE(answer.starts_with("227 Entering Passive Mode (127,0,0,1,")) << answer;
}

TEST_F(session_test, no_connection_to_the_passive_port_is_425) {
    vfs::put_file(*setup.files, "/f", "content");
    const std::uint16_t port = c.passive_port("PASV");
    EXPECT_EQ(c.ask("RETR f"), fmt::format("425 No data connection: none arrived on port {} within 1 s.", port));
    EXPECT_EQ(counters.data_timeouts.load(), 1U);
    EXPECT_EQ(c.ask("NOOP"), "200 OK.");
}

TEST_F(session_test, an_unexpected_peer_is_closed_and_the_client_is_served) {  // DC-02
    vfs::put_file(*setup.files, "/f", "content");
    const std::uint16_t port = c.passive_port();
    blocking_socket unexpected_peer = blocking_socket::connect(port, INADDR_LOOPBACK, INADDR_LOOPBACK + 1);
    EXPECT_EQ(unexpected_peer.read_to_end(), "");
    blocking_socket data = blocking_socket::connect(port);
    EXPECT_TRUE(c.ask("RETR f").starts_with("150 "));
    EXPECT_EQ(data.read_to_end(), "content");
    EXPECT_TRUE(c.reply().starts_with("226 "));
    EXPECT_EQ(counters.unexpected_peers.load(), 1U);
}

TEST_F(session_test, abort_ends_a_transfer_at_once) {
    vfs::put_file(*setup.files, "/big", bytes(30'000'000));
    blocking_socket data = c.passive();
    EXPECT_TRUE(c.ask("RETR big").starts_with("150 "));
    c.control.send(
        "\xff\xf4\xff\xf2"
        "ABOR\r\n");
    EXPECT_TRUE(c.reply().starts_with("426 "));
    EXPECT_TRUE(c.reply().starts_with("226 "));
    EXPECT_LT(data.read_to_end().size(), 30'000'000U);
    EXPECT_TRUE(data.was_reset());
    EXPECT_EQ(c.ask("NOOP"), "200 OK.");
    EXPECT_TRUE(eventually([&] { return counters.transfers_running.load() == 0; }));
}

TEST_F(session_test, abort_ends_the_wait_for_a_data_connection) {
    vfs::put_file(*setup.files, "/f", "x");
    (void)c.passive_port();
    c.control.send("RETR f\r\nABOR\r\n");
    EXPECT_TRUE(c.reply().starts_with("426 "));
    EXPECT_TRUE(c.reply().starts_with("226 "));
}

TEST_F(session_test, commands_during_a_transfer_are_answered_in_order_and_stat_at_once) {  // IN-06
    blocking_socket data = c.passive();
    EXPECT_TRUE(c.ask("STOR f").starts_with("150 "));
    c.control.send("STAT\r\nNOOP\r\nPWD\r\nQUIT\r\n");
    EXPECT_TRUE(c.reply().starts_with("211-"));
    data.send("x");
    data.finish();
    EXPECT_TRUE(c.reply().starts_with("226 "));
    EXPECT_TRUE(c.reply().starts_with("200 "));
    EXPECT_TRUE(c.reply().starts_with("257 "));
    EXPECT_TRUE(c.reply().starts_with("221 "));
}

TEST_F(session_test, more_commands_than_can_be_deferred_are_answered_in_order) {
    blocking_socket data = c.passive();
    EXPECT_TRUE(c.ask("STOR f").starts_with("150 "));
    std::string many;
    for (int i = 0; i < 300; ++i) many += "PWD\r\n";
    c.control.send(many);
    data.finish();
    EXPECT_TRUE(c.reply().starts_with("226 "));
    for (int i = 0; i < 300; ++i) ASSERT_TRUE(c.reply().starts_with("257 "));
}

TEST_F(session_test, client_that_vanishes_in_mid_transfer_frees_everything) {  // I2
    vfs::put_file(*setup.files, "/big", bytes(30'000'000));
    blocking_socket data = c.passive();
    EXPECT_TRUE(c.ask("RETR big").starts_with("150 "));
    c.control.reset();
    EXPECT_TRUE(eventually([&] { return counters.sessions_open.load() == 0 && counters.transfers_running.load() == 0; }));
}

TEST_F(session_test, an_interrupted_upload_keeps_the_old_file) {  // DU-03
    vfs::put_file(*setup.files, "/f", "old");
    for (const std::size_t size : {10UL, 300'000UL}) {
        blocking_socket data = c.passive();
        EXPECT_TRUE(c.ask("STOR f").starts_with("150 "));
        data.send(bytes(size));
        data.reset();
        EXPECT_TRUE(c.reply().starts_with("426 ")) << size;
        EXPECT_EQ(vfs::get_file(*setup.files, "/f"), "old");
    }
}

TEST_F(session_test, an_upload_is_stored_whatever_allo_announced) {
    for (const auto* announced : {"3", "0", "2", "5", "9223372036854775807", "5 R 80"}) {
        for (const auto* type : {"I", "A"}) {
            EXPECT_EQ(c.code(fmt::format("TYPE {}", type)), "200");
            EXPECT_EQ(c.code(fmt::format("ALLO {}", announced)), "200");
            EXPECT_TRUE(c.upload("STOR f", "abc").starts_with("226 ")) << announced;
            EXPECT_EQ(vfs::get_file(*setup.files, "/f"), "abc");
        }
        EXPECT_EQ(c.code("TYPE I"), "200");
        EXPECT_EQ(c.code(fmt::format("ALLO {}", announced)), "200");
        EXPECT_TRUE(c.upload("APPE f", "de").starts_with("226 ")) << announced;
        EXPECT_EQ(c.code("REST 1"), "350");
        EXPECT_EQ(c.code(fmt::format("ALLO {}", announced)), "200");
        EXPECT_TRUE(c.upload("STOR f", "x").starts_with("226 ")) << announced;
        EXPECT_EQ(vfs::get_file(*setup.files, "/f"), "ax");
    }
}

TEST_F(session_test, a_new_passive_port_replaces_the_old_one) {  // DC-04
    vfs::put_file(*setup.files, "/f", "content");
    for (int i = 0; i < 50; ++i) (void)c.passive_port();
    EXPECT_EQ(c.download("RETR f"), "content");
}

TEST_F(session_test, overlong_lines_end_the_session_at_the_third) {  // IN-01
    const std::string line = std::string(5000, 'A') + "\r\n";
    c.control.send(line);
    EXPECT_TRUE(c.reply().starts_with("500 "));
    c.control.send(line + line);
    EXPECT_TRUE(c.reply().starts_with("500 "));
    EXPECT_TRUE(c.reply().starts_with("421 "));
    EXPECT_EQ(c.reply(), "");
}

TEST_F(session_test, thousand_commands_in_one_go) {  // IN-06
    std::string many;
    for (int i = 0; i < 1000; ++i) many += i % 2 == 0 ? "NOOP\r\n" : "PWD\r\n";
    c.control.send(many);
    for (int i = 0; i < 1000; ++i) ASSERT_TRUE(c.reply().starts_with(i % 2 == 0 ? "200 " : "257 ")) << i;
}

class fault_test : public session_test {
protected:
    fault_test() { setup.files = vfs::make_faulty_filesystem(setup.files, plan_); }
    std::shared_ptr<vfs::fault_plan> plan_ = std::make_shared<vfs::fault_plan>();
};

TEST_F(fault_test, disk_faults_have_their_codes_and_never_226) {  // DU-04
    vfs::put_file(*setup.files, "/f", "old");
    const struct {
        vfs::operation at;
        errc cause;
        const char* code;
    } rows[] = {{vfs::operation::write, errc::no_space, "452 "},
                {vfs::operation::write, errc::quota, "552 "},
                {vfs::operation::write, errc::io, "451 "},
                {vfs::operation::commit, errc::io, "451 "},
                {vfs::operation::open_store, errc::no_space, "452 "}};
    for (const auto& row : rows) {
        for (const std::size_t size : {100UL, 2'000'000UL}) {
            plan_->fail_at(row.at, 1, row.cause);
            const std::string answer = c.upload("STOR f", bytes(size));
            EXPECT_TRUE(answer.starts_with(row.code)) << answer << " for " << name(row.cause) << " " << size;
            EXPECT_EQ(vfs::get_file(*setup.files, "/f"), "old");
            EXPECT_EQ(c.ask("NOOP"), "200 OK.");
        }
    }
}

TEST_F(fault_test, read_errors_are_no_success) {
    vfs::put_file(*setup.files, "/f", bytes(200'000));
    plan_->fail_at(vfs::operation::read, 2, errc::io);
    EXPECT_TRUE(c.download("RETR f").starts_with("451 "));
    plan_->fail_at(vfs::operation::list, 1, errc::io);
    EXPECT_TRUE(c.download("LIST").starts_with("451 "));
}

TEST_F(fault_test, a_hung_disk_delays_its_own_transfer_only) {  // FS-05
    vfs::put_file(*setup.files, "/f", bytes(1000));
    plan_->hang(vfs::operation::open_read);
    (void)c.passive_port();
    c.control.send("RETR f\r\n");
    plan_->wait_until_hanging(1);
    auto other = logged_in();
    EXPECT_EQ(other.ask("NOOP"), "200 OK.");
    c.control.send("ABOR\r\n");
    EXPECT_TRUE(c.reply().starts_with("426 "));
    EXPECT_TRUE(c.reply().starts_with("226 "));
    plan_->release();
    EXPECT_TRUE(eventually([&] { return counters.transfers_running.load() == 0; }));
}

TEST_F(fault_test, client_that_vanishes_while_the_disk_hangs_leaves_nothing) {
    plan_->hang(vfs::operation::commit);
    blocking_socket data = c.passive();
    EXPECT_TRUE(c.ask("STOR f").starts_with("150 "));
    data.send("x");
    data.finish();
    plan_->wait_until_hanging(1);
    c.control.reset();
    plan_->release();
    EXPECT_TRUE(eventually([&] { return counters.sessions_open.load() == 0; }));
    EXPECT_EQ(vfs::get_file(*setup.files, "/f"), "x");
}

TEST_F(server_test, port_and_pasv_can_be_switched_off) {  // S9
    setup.active_allowed = false;
    start();
    auto c = logged_in();
    EXPECT_TRUE(c.ask("PORT 127,0,0,1,200,1").starts_with("502 "));
    EXPECT_TRUE(c.ask("EPSV").starts_with("229 "));
}

TEST_F(server_test, fixed_external_address_is_advertised) {  // S3
    setup.passive_data.addresses = {*reach::address_rule::parse("17.254.0.91")};
    start();
    auto c = logged_in();
    EXPECT_TRUE(c.ask("PASV").starts_with("227 Entering Passive Mode (17,254,0,91,"));
}

TEST_F(server_test, one_passive_port_serves_many_transfers) {
    const std::uint16_t port = testing::free_ports(1).first;
    setup.passive_data.ports.range = {port, port};
    vfs::put_file(*setup.files, "/f", "content");
    start();
    auto c = logged_in();
    for (int i = 0; i < 20; ++i) ASSERT_EQ(c.download("RETR f"), "content") << i;
    EXPECT_EQ(c.passive_port(), port);
}

TEST_F(server_test, a_port_in_use_is_named) {
    const blocking_listener other;
    setup.listen = {{setup.listen.at(0).address, other.port()}};
    const result<void> started = server(loops, setup, counters).start();
    ASSERT_FALSE(started);
    EXPECT_NE(started.error().text().find(setup.listen.at(0).text()), std::string::npos) << started.error().text();
}

}  // namespace
}  // namespace sallyport::server
