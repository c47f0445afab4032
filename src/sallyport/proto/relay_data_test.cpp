// Negotiations on each leg, and transfers.

#include <sallyport/proto/relay_machine.hpp>

#include <gtest/gtest.h>

#include <sallyport/proto/relay_test_script.hpp>

namespace sallyport::proto {
namespace {

using namespace relay_script;

// ---- Negotiation

TEST(RelayData, RefusesTargetsThatAreNotTheClient_GW03_DC01) {
    struct row {
        std::string line;
        std::string code;
        bool bounce;
    };
    for (const auto& [line, code, bounce] : std::vector<row>{{"PORT 198,51,100,8,7,138", "504", true},
                                                             {"PORT 127,0,0,1,7,138", "504", true},
                                                             {"PORT 0,0,0,0,7,138", "504", true},
                                                             {"PORT 255,255,255,255,7,138", "504", true},
                                                             {"PORT 198,51,100,7,3,255", "504", true},
                                                             {"PORT 198,51,100,7,0,22", "504", true},
                                                             {"PORT 198,51,100,7,0,0", "501", false},
                                                             {"PORT 198,51,100,7,256,1", "501", false},
                                                             {"PORT 198,51,100,7,0,51201", "501", false},
                                                             {"PORT +198,51,100,7,7,138", "501", false},
                                                             {"PORT 198,51,100,7,7,138x", "501", false},
                                                             {"EPRT |1|198.51.100.7|1023|", "504", true},
                                                             {"EPRT |2|::1|5000|", "504", true},
                                                             {"EPRT |2|::ffff:198.51.100.8|5000|", "504", true},
                                                             {"EPRT |3|x|5000|", "522", false},
                                                             {"EPRT |1|198.51.100.7|116737|", "501", false},
                                                             {"EPRT 198.51.100.7", "501", false},
                                                             {"EPSV 2", "522", false},
                                                             {"EPSV 3", "522", false},
                                                             {"EPSV x", "501", false}}) {
        for (const bool bytewise : {false, true}) {
            SCOPED_TRACE(line);
            relay_driver driver(usual(), bytewise);
            for (const auto part : {login, passive}) driver.play(part);
            driver.client(line + "\r\n");
            ASSERT_EQ(driver.to_client.size(), 1U);
            EXPECT_EQ(driver.to_client.front().substr(0, 3), code);
            EXPECT_EQ(driver.count(relay_note::bounce_attempt), bounce ? 1U : 0U);
            // DC-07: what was negotiated before is void as well.
            driver.client("RETR x\r\n");
            EXPECT_EQ(driver.to_client.back(), "425 Send EPSV, PASV, EPRT or PORT first.");
            EXPECT_TRUE(driver.to_backend.empty());
            EXPECT_EQ(driver.actions, std::deque<std::string>{"release"});
        }
    }
}

TEST(RelayData, AppliesEpsvAllToTheSession_DC06) {
    play(usual(), {login, R"(> EPSV ALL
< 200 Only EPSV will be accepted from now on.
> PASV
< 501 After EPSV ALL only EPSV is allowed.
> PORT 198,51,100,7,7,138
< 501 After EPSV ALL only EPSV is allowed.
> EPRT |1|198.51.100.7|5000|
< 501 After EPSV ALL only EPSV is allowed.
> EPSV
>> PASV
<< 227 (172,16,3,4,204,173)
= reserve extended
! port 17.254.0.91:52397
< 229 Entering Extended Passive Mode (|||52397|)
)"});
}

TEST(RelayData, NeverConnectsToTheAddressOfTheBackends227_GW03) {
    play(usual(), {login, R"(> PASV
>> PASV
<< 227 Entering Passive Mode (10,99,99,99,204,173)
= reserve
! port 17.254.0.91:6000
< 227 Entering Passive Mode (17,254,0,91,23,112)
> STOR f
>> STOR f
= open STOR up listen, connect 172.16.3.4:52397
<< 553 No.
= release
< 553 No.
)"});
}

TEST(RelayData, SendsEpsvAndFallsBackToPasvForTheSession) {
    auto s = usual();
    s.backend.refused = {};
    play(s, {login, R"(> EPSV 1
>> EPSV
<< 500 EPSV not understood
>> PASV
<< 227 =172,16,3,4,204,173
= reserve extended
! port 17.254.0.91:6000
< 229 Entering Extended Passive Mode (|||6000|)
> PASV
= release
>> PASV
<< 425 None free.
< 425 None free.
)"},
         [](relay_driver& driver) { EXPECT_TRUE(driver.machine.backend().server().refused.contains(data_method::epsv)); });
}

TEST(RelayData, SendsEpsvToAnIpv6BackendForAnIpv4Client) {
    auto s = usual();
    s.backend.peer = at("[2001:db8::5]:21");
    play(s, {login, R"(> PASV
>> EPSV
<< 229 Entering Extended Passive Mode (|||6446|)
= reserve
! port 17.254.0.91:6000
< 227 Entering Passive Mode (17,254,0,91,23,112)
> RETR x
>> RETR x
= open RETR down listen, connect [2001:db8::5]:6446
<< 550 No such file.
= release
< 550 No such file.
> PASV
>> EPSV
<< 500 What?
< 500 What?
)"});
}

TEST(RelayData, ServesAnIpv6ClientWithAnIpv4Backend) {
    auto s = usual();
    s.client_peer = at("[2001:db8::7]:40000");
    play(s, {login, R"(> EPRT |2|2001:db8::7|5000|
>> PASV
<< 227 (172,16,3,4,204,173)
< 200 EPRT command successful.
> PASV
= release
>> PASV
<< 227 (172,16,3,4,204,173)
= reserve
! port [2001:db8::1]:6000
= release
< 425 PASV cannot name an IPv6 address; use EPSV.
> EPSV 1
< 522 Network protocol not supported, use (2).
> PORT 198,51,100,7,7,138
< 504 The address must be your own and the port 1024 or higher.
> PORT 192,168,1,2,7,138
< 504 192.168.1.2 is a private address and cannot be reached from here; use passive mode.
)"});
}

TEST(RelayData, RefusesUnusablePortsOfTheBackend_GW02) {
    for (const std::string offered :
         {"227 Entering Passive Mode (172,16,3,4,0,22)", "227 Entering Passive Mode (172,16,3,4,256,1)", "227 none",
          "229 Entering Extended Passive Mode (|||6446|)", "200 ok"}) {
        SCOPED_TRACE(offered);
        const auto bad = "> PASV\n>> PASV\n<< " + offered + "\n< 425 The FTP server offered no usable data port.\n";
        play(usual(), {login, bad}, [](relay_driver& driver) { EXPECT_EQ(driver.count(relay_note::violation), 1U); });
    }
}

TEST(RelayData, ReadsThePortInAnyLineOfTheReply) {
    play(usual(), {login, R"(> PASV
>> PASV
<< 227-Entering Passive Mode
<<  as you asked
<< 227 (172,16,3,4,204,173)
= reserve
! port 17.254.0.91:52397
< 227 Entering Passive Mode (17,254,0,91,204,173)
)"});
    auto s = usual();
    s.backend.refused = {};
    play(s, {login, R"(> EPSV
>> EPSV
<< 229-Entering Extended Passive Mode (|||6446|)
<< 229
= reserve extended
! port 17.254.0.91:52397
< 229 Entering Extended Passive Mode (|||52397|)
)"});
}

TEST(RelayData, NoPortReachesTheClientButInReplyToItsPassiveCommand_GW02) {
    constexpr std::string_view ended = "< 421 The FTP server sent an invalid reply.\n";
    for (const std::string offer : {"227 Logout.", "227 Entering Passive Mode (10,1,2,3,0,22)",
                                    "228 Long (4,4,10,1,2,3,2,0,22)", "229 Entering Extended Passive Mode (|||22|)"}) {
        SCOPED_TRACE(offer);
        const auto said = "<< " + offer + "\n";
        const auto dropped = std::string(ended) + "= release\n= close\n";
        const auto closed = std::string(ended) + "= close\n";
        // As the last word of a transfer, or the only one.
        play(usual(), {login, passive, retrieving, said, dropped});
        play(usual(), {login, passive, retrieving, "! data complete\n", said, dropped});
        play(usual(),
             {login, passive, "> RETR f\n>> RETR f\n= open RETR down listen, connect 172.16.3.4:52397\n", said, dropped});
        // To STAT and ABOR during one, before and after its own reply.
        play(usual(), {login, passive, retrieving, "> STAT\n>> STAT\n", said, dropped});
        play(usual(), {login, passive, retrieving, "<< 226 Done.\n> STAT\n>> STAT\n", said, dropped});
        play(usual(), {login, passive, retrieving, "> ABOR\n= release\n>> ABOR\n<< 426 Cut.\n< 426 Cut.\n", said, closed});
        // To a login, held until the user is admitted; to a command of ours; to PORT.
        auto limited = usual();
        limited.limit_users = true;
        play(limited, {"< 220 Welcome.\n> USER u\n>> USER u\n", said, closed});
        auto s = usual();
        s.backend.protect = true;
        play(s, {"< 220 Welcome.\n", login_only, ">> PBSZ 0\n>> PROT P\n", said, closed});
        auto active = usual();
        active.data_mode = backend_data_mode::port;
        play(active, {login, "> PASV\n= reserve for backend\n! port 172.16.0.1:50001\n>> PORT 172,16,0,1,195,81\n", said,
                      "= release\n", closed});
        // After a failure that the client has been sent.
        play(usual(), {login, passive, retrieving, "! data client_failed x\n< 426 Transfer aborted: x\n", said, dropped});
    }
}

// CVE-2000-0150.
TEST(RelayData, EndsTheSessionAtAnUnsolicitedPort_GW02) {
    play(usual(), {login, R"(<< 227 Entering Passive Mode (172,16,3,4,0,22)
< 421 The FTP server sent an invalid reply.
= close
)"});
    play(usual(), {login, R"(> DELE 227 Entering Passive Mode (172,16,3,4,0,22)
>> DELE 227 Entering Passive Mode (172,16,3,4,0,22)
<< 227 Entering Passive Mode (172,16,3,4,0,22)
< 421 The FTP server sent an invalid reply.
= close
)"});
    play(usual(), {login, R"(> DELE x
>> DELE x
<< 550-x: no
<< 227 Entering Passive Mode (172,16,3,4,0,22)
<< 550 end
< 550-x: no
<  227 Entering Passive Mode (the server,0,22)
< 550 end
)"});
}

TEST(RelayData, RefusesWithoutAFreePassivePort) {
    play(usual(), {login, R"(> PASV
>> PASV
<< 227 (172,16,3,4,204,173)
= reserve
! no port
< 425 All passive ports are in use; try again later.
> PORT 198,51,100,7,7,138
>> PASV
<< 500 Passive mode is off.
< 425 The FTP server refused passive mode: Passive mode is off.
)"});
}

// ---- Transfers

TEST(RelayData, HoldsSuccessUntilAllBytesAreDelivered_I1) {
    play(usual(), {login, passive, retrieving, "<< 226 Done.\n! data complete\n< 226 Done.\n"});
    play(usual(), {login, passive, retrieving, "! data complete\n<< 226 Done.\n< 226 Done.\n"});
    play(usual(), {login, passive, retrieving, "! data complete\n<< 451 Disk.\n< 451 Disk.\n"});
}

TEST(RelayData, NeverReportsSuccessAfterAFailure) {
    play(usual(), {login, passive, retrieving,
                   "<< 226 Done.\n! data client_failed reset by peer\n< 426 Transfer aborted: reset by peer\n"});
    play(usual(), {login, passive, retrieving,
                   "! data client_failed reset by peer\n< 426 Transfer aborted: reset by peer\n<< 426 Broken pipe.\n"});
    play(usual(), {login, passive, retrieving, "! data backend_failed cut\n<< 226 Done.\n< 426 Transfer aborted: cut\n"});
    play(usual(), {login, passive, retrieving, "! data backend_failed cut\n<< 452 Full.\n< 452 Full.\n"});
    play(usual(),
         {login, passive, retrieving, "<< 452 Full.\n= release\n< 452 Full.\n! data client_failed late\n> NOOP\n>> NOOP\n"});
}

TEST(RelayData, Replies425IfTheClientDoesNotConnect) {
    play(usual(), {login, passive, retrieving, R"(! data client_timeout no connection arrived within 30 s
< 425 No data connection: no connection arrived within 30 s
> NOOP
<< 426 Cut.
>> NOOP
<< 200 ok
< 200 ok
)"});
}

TEST(RelayData, Replies522WithoutTlsSessionReuse_TLS04) {
    play(usual(), {login, passive, retrieving, R"(! data tls_session_not_reused not resumed
< 522 The data connection must reuse the control connection's TLS session; enable session reuse in your client.
<< 426 Cut.
)"});
}

TEST(RelayData, SendsAbortIfTheBackendsPortIsClosed) {
    play(usual(), {login, passive, R"(> RETR f
>> RETR f
= open RETR down listen, connect 172.16.3.4:52397
! data backend_connect_failed refused
! waited 2
< 425 No data connection to the FTP server: refused
>> ABOR
<< 425 No connection.
<< 225 Nothing to abort.
> NOOP
>> NOOP
<< 200 ok
< 200 ok
)"});
}

TEST(RelayData, AbortsATransfer) {
    play(usual(), {login, passive, retrieving, R"(> ABOR
= release
>> ABOR
> NOOP
<< 426 Aborted.
< 426 Aborted.
<< 226 Abort ok.
< 226 Abort ok.
>> NOOP
<< 200 ok
< 200 ok
)"});
    // The transfer ends at once, and the reply to ABOR waits for those to the commands before it.
    play(usual(), {login, passive, retrieving, R"(> NOOP
> ABOR
= release
>> ABOR
<< 426 Aborted.
< 426 Aborted.
<< 226 Abort ok.
>> NOOP
<< 200 ok
< 200 ok
< 226 Transfer aborted.
)"});
    // The backend had sent everything into its socket already: the client has not.
    play(usual(), {login, passive, retrieving, R"(<< 226 Done.
> ABOR
= release
>> ABOR
< 426 Transfer aborted: requested by the client
<< 225 Nothing to abort.
< 225 Nothing to abort.
)"});
}

TEST(RelayData, AnswersStatDuringATransferInEitherOrder) {
    play(usual(), {login, passive, retrieving, R"(> STAT
>> STAT
<< 213 In the middle.
< 213 In the middle.
> STAT
>> STAT
! data complete
<< 226 Done.
< 226 Done.
<< 211 Idle.
< 211 Idle.
)"});
    play(usual(), {login, passive, retrieving, R"(<< 226 Done.
> STAT
>> STAT
<< 211 Idle.
< 211 Idle.
! data complete
< 226 Done.
)"});
}

TEST(RelayData, DefersOtherCommandsDuringATransferAndThenStopsReading) {
    relay_driver driver(usual(), false);
    for (const auto part : {login, passive, retrieving}) driver.play(part);
    for (int i = 0; driver.machine.can_read_client(); ++i) {
        ASSERT_LT(i, 5000);
        driver.client("CWD x\r\n");
    }
    EXPECT_TRUE(driver.to_backend.empty());
    driver.machine.report(relay_outcome::data_ended{{data_result::complete, {}}});
    driver.backend("226 Done.\r\n");
    EXPECT_EQ(driver.to_backend.size(), 64U);
}

TEST(RelayData, DefersAnHourOfNoopsDuringATransfer_G5) {
    relay_driver driver(usual(), false);
    for (const auto part : {login, passive, retrieving}) driver.play(part);
    for (int i = 0; i < 1000; ++i) driver.client("NOOP\r\n");
    EXPECT_TRUE(driver.machine.can_read_client());
    driver.client("ABOR\r\n");
    EXPECT_EQ(driver.to_backend, std::deque<std::string>{"ABOR"});
    driver.backend("426 Aborted.\r\n226 Abort ok.\r\n");
    for (int i = 0; i < 1000; ++i) driver.backend("200 ok\r\n");
    EXPECT_EQ(driver.to_backend.size(), 1001U);
    EXPECT_EQ(driver.to_client.size(), 1002U);
    EXPECT_NE(driver.machine.stages().now(), relay_stage::transfer);
}

}  // namespace
}  // namespace sallyport::proto
