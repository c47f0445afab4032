// Transfers through the gateway, complete and interrupted.

#include <sallyport/gate/gate_test.hpp>

namespace sallyport::gate {
namespace {

class GateData : public gate_test {};

TEST_F(GateData, RelaysDownloadsAndUploads_G1) {
    const std::string big(3'000'000, 'b');
    ftp_stub stub({.files = {{"file", "content"}, {"big", big}}});
    start({at(stub.port())});
    auto c = logged_in();
    EXPECT_EQ(c.download("RETR file"), "content");
    EXPECT_EQ(c.download("RETR big"), big);
    auto data = c.passive();
    EXPECT_EQ(c.code("STOR up"), "150");
    data.send(big);
    data.close();
    EXPECT_EQ(c.reply(), "226 done");
    EXPECT_EQ(stub.stored("up"), big);
    EXPECT_EQ(c.ask("QUIT"), "221 bye");
    EXPECT_EQ(c.reply(), "");
    EXPECT_TRUE(eventually([this] { return counters.transfers_complete.load() == 3; }));
    EXPECT_EQ(counters.bytes_sent.load(), big.size() + 7);
    EXPECT_EQ(counters.bytes_received.load(), big.size());
}

TEST_F(GateData, AdvertisesTheExternalAddressIn227_G4) {
    ftp_stub stub({});
    setup.passive_data.addresses = {*reach::address_rule::parse("17.254.0.91")};
    start({at(stub.port())});
    auto c = logged_in();
    const auto reply = c.ask("PASV");
    const auto advertised = proto::parse_227(reply);
    ASSERT_TRUE(advertised) << reply;
    EXPECT_EQ(advertised->address.text(), "17.254.0.91");
    auto data = blocking_socket::connect(advertised->port);
    EXPECT_EQ(c.code("LIST"), "150");
    EXPECT_NE(data.read_to_end().find(" file"), std::string::npos);
    EXPECT_EQ(c.reply(), "226 done");
    EXPECT_FALSE(stub.saw("PASV")) << "EPSV works at this backend";
}

TEST_F(GateData, FallsBackToPasvOnTheBackendLegAndIgnoresItsAddress_GW03) {
    ftp_stub stub({.replies = {{"EPSV", "500 what?"}}, .pasv_address = "10,99,99,99"});
    start({at(stub.port())});
    auto first = logged_in();
    EXPECT_EQ(first.download("RETR file").size(), 420U);
    EXPECT_EQ(first.code("QUIT"), "221");
    EXPECT_EQ(first.reply(), "");
    auto second = logged_in();
    EXPECT_EQ(second.download("RETR file").size(), 420U);
    const auto all = stub.commands();
    EXPECT_EQ(std::ranges::count(all, "EPSV"), 1) << "the next session knows what one session has learned";
}

TEST_F(GateData, ConnectsToActiveClientsAndUsesPassiveModeOnTheBackendLeg_G8) {
    ftp_stub stub({});
    start({at(stub.port())});
    auto c = logged_in();
    const testing::blocking_listener listener;
    const auto port = listener.port();
    EXPECT_EQ(c.ask(fmt::format("PORT 127,0,0,1,{},{}", port / 256, port % 256)), "200 PORT command successful.");
    EXPECT_EQ(c.code("RETR file"), "150");
    EXPECT_EQ(listener.accept().read_to_end().size(), 420U);
    EXPECT_EQ(c.reply(), "226 done");

    EXPECT_EQ(c.ask(fmt::format("EPRT |1|127.0.0.1|{}|", port)), "200 EPRT command successful.");
    EXPECT_EQ(c.code("STOR up"), "150");
    auto data = listener.accept();
    data.send("upward");
    data.close();
    EXPECT_EQ(c.reply(), "226 done");
    EXPECT_EQ(stub.stored("up"), "upward");
    EXPECT_FALSE(stub.saw("PORT") || stub.saw("EPRT"));

    EXPECT_EQ(c.code("PORT 127,0,0,2,200,1"), "504");
    EXPECT_EQ(counters.bounce_attempts.load(), 1U);
    EXPECT_EQ(c.code(fmt::format("PORT 127,0,0,1,{},{}", testing::refused_port() / 256, testing::refused_port() % 256)),
              "200");
}

TEST_F(GateData, Sends425IfAnActiveClientsPortIsClosed) {
    ftp_stub stub({});
    start({at(stub.port())});
    auto c = logged_in();
    EXPECT_EQ(c.code(fmt::format("EPRT |1|127.0.0.1|{}|", testing::refused_port())), "200");
    EXPECT_EQ(c.code("RETR file"), "425");
    EXPECT_EQ(counters.active_connects_failed.load(), 1U);
    EXPECT_EQ(c.download("RETR file").size(), 420U);
}

TEST_F(GateData, ForwardsTheBackendsRefusalDespiteAFailedDataConnection) {
    ftp_stub stub({.replies = {{"RETR", "550 none: no such file"}}, .epsv_port = testing::data_port::refuses});
    start({at(stub.port())});
    auto c = logged_in();
    for (int i = 0; i < 5; ++i) {
        (void)c.passive_port();
        EXPECT_EQ(c.ask("RETR none"), "550 none: no such file");
    }
    EXPECT_FALSE(stub.saw("ABOR"));
}

TEST_F(GateData, CountsATransferThatTheBackendRefusesAsFailed) {
    std::uint64_t refused = 0;
    // Instead of 150, and after all data.
    for (const auto when : {"RETR", "FINAL"}) {
        ftp_stub stub({.replies = {{when, "550 not for you"}}});
        start({at(stub.port())});
        auto c = logged_in();
        auto data = c.passive();
        auto reply = c.ask("RETR file");
        (void)data.read_to_end();
        if (reply.starts_with("150")) reply = c.reply();
        EXPECT_EQ(reply, "550 not for you");
        EXPECT_EQ(c.ask("QUIT"), "221 bye");
        EXPECT_EQ(c.reply(), "");
        EXPECT_TRUE(eventually([this] { return counters.transfers_running.load() == 0; }));
        EXPECT_EQ(counters.transfers_failed.load(), ++refused);
        stop();
    }
    EXPECT_EQ(counters.transfers_complete.load(), 0U);
}

TEST_F(GateData, IgnoresBlankLinesBetweenReplies) {
    ftp_stub stub({.replies = {{"GREETING", "220 ready\r\n\r\n"}, {"SYST", "\r\n215 UNIX\r\n \r\n"}}});
    start({at(stub.port())});
    auto c = logged_in();
    EXPECT_EQ(c.ask("SYST"), "215 UNIX");
    EXPECT_EQ(c.download("RETR file").size(), 420U);
}

TEST_F(GateData, LimitsTheWaitForTheReplyThatAnActiveClientNeeds) {
    ftp_stub stub({.replies = {{"RETR", std::string(testing::stay_silent)}}});
    setup.stall_timeout = 1s;
    start({at(stub.port())});
    auto c = logged_in();
    const testing::blocking_listener listener;
    EXPECT_EQ(c.code(fmt::format("EPRT |1|127.0.0.1|{}|", listener.port())), "200");
    const auto reply = c.ask("RETR file");
    EXPECT_TRUE(reply.starts_with("425 No data connection: the FTP server sent no reply within 1 s")) << reply;
}

TEST_F(GateData, ServesIpv6ClientsWithAnIpv4Backend) {
    ftp_stub stub({});
    setup.listen = {*endpoint::parse("[::1]:0")};
    setup.backends = {at(stub.port())};
    start();
    ftp_client c{connect_v6(gateway->endpoints().at(0).port)};
    c.log_in();
    auto data = connect_v6(c.passive_port());
    EXPECT_EQ(c.code("RETR file"), "150");
    EXPECT_EQ(data.read_to_end().size(), 420U);
    EXPECT_EQ(c.reply(), "226 done");
    EXPECT_EQ(c.code("PASV"), "425");
    EXPECT_EQ(c.code("EPSV 1"), "522");
}

TEST_F(GateData, RejectsAnUnexpectedPeerOnThePassivePort_G2_DC02) {
    ftp_stub stub({});
    start({at(stub.port())});
    auto c = logged_in();
    const auto port = c.passive_port();
    auto unexpected = blocking_socket::connect(port, INADDR_LOOPBACK, INADDR_LOOPBACK + 1);
    EXPECT_EQ(unexpected.read_to_end(), "");
    auto data = blocking_socket::connect(port);
    EXPECT_EQ(c.code("RETR file"), "150");
    EXPECT_EQ(data.read_to_end().size(), 420U);
    EXPECT_EQ(c.reply(), "226 done");
    EXPECT_TRUE(eventually([this] { return counters.unexpected_peers.load() == 1; }));
    EXPECT_FALSE(blocking_socket::connect(port).send("late") && !blocking_socket::connect(port).read_to_end().empty());
}

TEST_F(GateData, Sends425AfterADataTimeout) {
    ftp_stub stub({});
    setup.data_timeout = 1s;
    start({at(stub.port())});
    auto c = logged_in();
    const auto port = c.passive_port();
    c.control.send("STOR up\r\n");
    EXPECT_EQ(c.reply(), fmt::format("425 No data connection: none arrived on port {} within 1 s", port));
    EXPECT_EQ(counters.data_timeouts.load(), 1U);
    EXPECT_EQ(c.download("RETR file").size(), 420U);
}

TEST_F(GateData, ReportsNoSuccessAfterAnInterruptedBackendTransfer_I1) {
    ftp_stub stub({.files = {{"big", std::string(8'000'000, 'x')}}, .ends = testing::data_end::reset});
    start({at(stub.port())});
    auto c = logged_in();
    auto data = c.passive();
    EXPECT_EQ(c.code("RETR big"), "150");
    data.read_to_end();
    EXPECT_EQ(c.reply().substr(0, 3), "426");
}

TEST_F(GateData, Sends426And421IfTheBackendFailsDuringATransfer) {
    ftp_stub stub({.hangs_up_after_data = true, .ends = testing::data_end::stays_open});
    start({at(stub.port())});
    auto c = logged_in();
    auto data = c.passive();
    EXPECT_EQ(c.code("RETR file"), "150");
    EXPECT_EQ(c.reply().substr(0, 3), "426");
    EXPECT_EQ(c.reply().substr(0, 3), "421");
    EXPECT_EQ(c.reply(), "");
}

TEST_F(GateData, AbortsATransfer) {
    ftp_stub stub(
        {.files = {{"big", std::string(30'000'000, 'x')}}, .replies = {{"FINAL", "426 aborted"}, {"ABOR", "226 aborted"}}});
    start({at(stub.port())});
    auto c = logged_in();
    auto data = c.passive();
    EXPECT_EQ(c.code("RETR big"), "150");
    c.control.send("ABOR\r\n");
    EXPECT_EQ(c.reply(), "426 aborted");
    EXPECT_EQ(c.reply(), "226 aborted");
}

TEST_F(GateData, FreesTheBackendWhenTheClientVanishes) {
    std::promise<void> closed;
    std::future<void> seen = closed.get_future();
    scripted_server server([&](blocking_socket& control) {
        control.send("220 ready\r\n");
        control.read_line();
        if (control.read_line().empty()) closed.set_value();
    });
    start({at(server.port())});
    {
        auto c = client();
        c.reply();
        c.control.send("NOOP\r\n");
        c.control.reset();
    }
    EXPECT_EQ(seen.wait_for(4s), std::future_status::ready);
    EXPECT_TRUE(eventually([this] { return counters.sessions_open.load() == 0; }));
}

TEST_F(GateData, PassesAThousandPipelinedCommandsInOrder) {
    ftp_stub stub({});
    start({at(stub.port())});
    auto c = logged_in();
    std::string all;
    for (int i = 0; i < 500; ++i) all += "TYPE I\r\nBAD \r\n";
    std::thread sender([&] { c.control.send(all); });
    for (int i = 0; i < 500; ++i) {
        EXPECT_EQ(c.reply(), "200 ok");
        EXPECT_EQ(c.reply(), "500 BAD is not known here");
    }
    sender.join();
}

}  // namespace
}  // namespace sallyport::gate
