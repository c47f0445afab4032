// Openings for data connections that the kernel forwards to a client, with a table that has no effect: when each is made and
// removed. What the kernel makes of them is tested in tests/integration (test_kernel_openings.py, test_router_openings.py).

#include <sallyport/gate/gate_test.hpp>

#include <atomic>

namespace sallyport::gate {
namespace {

class GateOpenings : public gate_test {
protected:
    GateOpenings() {
        setup.kernel_forwarding = true;
        setup.backend_data_mode = proto::backend_data_mode::match;
        use_recording_table();
    }

    /// A session with a server that replies to PORT when the test says so.
    void log_in() {
        start({at(server.port())});
        client_ = logged_in();
    }
    void send_port() {
        client_.control.send("PORT 127,0,0,1,200,0\r\n");
        ASSERT_TRUE(eventually([this] { return port_received.load(); }));
        EXPECT_EQ(openings.opened.load(), 0) << "before the server's reply";
    }
    void server_replies(std::string text) { port_reply.set_value(std::move(text)); }

    std::atomic<bool> port_received = false;
    std::promise<std::string> port_reply;
    // How many were made when the server received RETR.
    std::atomic<int> opened_at_command = 0;
    ftp_client client_;
    scripted_server server{[this](blocking_socket& control) {
        control.send("220 ready\r\n");
        for (;;) {
            const auto line = control.read_line();
            if (line.empty()) return;
            if (line.starts_with("USER"))
                control.send("331 password?\r\n");
            else if (line.starts_with("PASS"))
                control.send("230 logged in\r\n");
            else if (line.starts_with("PORT") && !port_received.exchange(true)) {
                auto reply = port_reply.get_future();
                if (reply.wait_for(10s) != std::future_status::ready) return;
                control.send(reply.get() + "\r\n");
            } else if (line.starts_with("RETR")) {
                opened_at_command = openings.opened.load();
                control.send("150 here\r\n");
                (void)eventually([this] { return openings.asked > 0; });
                control.send("226 done\r\n");
            } else if (line.starts_with("TYPE"))
                control.send("200 ok\r\n");
            else
                control.send("502 unknown\r\n");
        }
    }};
};

TEST_F(GateOpenings, AreMadeAfterTheServersReplyToPort_G3) {
    log_in();
    send_port();
    server_replies("200 ok");
    EXPECT_EQ(client_.reply().substr(0, 3), "200");
    EXPECT_EQ(openings.opened.load(), 1);
    EXPECT_EQ(openings.closed.load(), 0);
    client_.control.close();
    EXPECT_TRUE(eventually([this] { return openings.closed == 1; }));
}

TEST_F(GateOpenings, AreNotMadeIfTheServerRefusesPort_G3) {
    log_in();
    send_port();
    server_replies("500 no");
    EXPECT_EQ(client_.reply().substr(0, 3), "425") << "no method is left";
    EXPECT_EQ(openings.opened.load(), 0);
}

TEST_F(GateOpenings, AreNotNeededIfTheDataAreRelayed) {
    openings.refuses = true;
    log_in();
    send_port();
    server_replies("200 ok");
    EXPECT_EQ(client_.reply().substr(0, 3), "200") << "the gateway accepts the connection of the server";
    EXPECT_EQ(openings.opened.load(), 0);
}

TEST_F(GateOpenings, EndNoTransferIfTheKernelCannotBeAsked) {
    setup.data_timeout = 1s;
    openings.use = firewall::opening_use::unknown;
    log_in();
    send_port();
    server_replies("200 ok");
    EXPECT_EQ(client_.reply().substr(0, 3), "200");
    client_.control.send("RETR x\r\n");
    EXPECT_EQ(client_.reply().substr(0, 3), "150");
    EXPECT_EQ(client_.reply().substr(0, 3), "226");
    EXPECT_GT(openings.asked.load(), 0);
}

// The server connects when it has the command, and the first opening may end before.
TEST_F(GateOpenings, AreMadeOnceMoreForALateTransferBeforeTheServerHasItsCommand) {
    setup.data_timeout = 5s;
    log_in();
    send_port();
    server_replies("200 ok");
    EXPECT_EQ(client_.reply().substr(0, 3), "200");
    std::this_thread::sleep_for(600ms);
    EXPECT_EQ(openings.opened.load(), 1);
    client_.control.send("RETR x\r\n");
    EXPECT_EQ(client_.reply().substr(0, 3), "150");
    EXPECT_EQ(opened_at_command.load(), 2);
    EXPECT_EQ(openings.closed.load(), 1);
    EXPECT_EQ(client_.reply().substr(0, 3), "226");
}

TEST_F(GateOpenings, FailALateTransferIfTheyCannotBeMadeOnceMore) {
    setup.data_timeout = 5s;
    log_in();
    send_port();
    server_replies("200 ok");
    EXPECT_EQ(client_.reply().substr(0, 3), "200");
    std::this_thread::sleep_for(600ms);
    openings.refuses = true;
    client_.control.send("RETR x\r\n");
    EXPECT_EQ(client_.reply(), "425 No data connection can be forwarded now; try again later.");
    client_.control.send("NOOP\r\n");
    EXPECT_EQ(client_.reply().substr(0, 3), "502");
}

TEST_F(GateOpenings, DoNotOutliveAClientThatHasLeft_G2) {
    log_in();
    send_port();
    client_.control.close();
    server_replies("200 ok");
    EXPECT_TRUE(eventually([this] { return counters.sessions_open == 0; }));
    EXPECT_TRUE(eventually([this] { return openings.opened == openings.closed; }));
}

}  // namespace
}  // namespace sallyport::gate
