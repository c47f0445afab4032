// What is forwarded between the two control connections, TLS on the client leg, and how sessions end.

#include <sallyport/proto/relay_machine.hpp>

#include <gtest/gtest.h>

#include <sallyport/proto/relay_test_script.hpp>

namespace sallyport::proto {
namespace {

using namespace relay_script;

// ---- What passes

TEST(RelayMachine, PassesTheArticlesPassiveSession_G4) {
    play(usual(), {login, passive, R"(> LIST
>> LIST
= open LIST down listen, connect 172.16.3.4:52397
<< 150 Data connection accepted from 172.16.3.4:52397; transfer starting.
= confirm
< 150 Data connection accepted from 198.51.100.7:40001; transfer starting.
! data complete
<< 226 Listing completed.
< 226 Listing completed.
> QUIT
>> QUIT
<< 221 Goodbye.
< 221 Goodbye.
= close
)"});
}

TEST(RelayMachine, TranslatesTheArticlesActiveSessionToPassiveOnTheBackendLeg_G3_G8) {
    auto s = usual();
    s.client_peer = at("192.168.1.2:1921");
    play(s, {login, R"(> PORT 192,168,1,2,7,138
>> PASV
<< 227 Entering Passive Mode (172,16,3,4,204,173)
< 200 PORT command successful.
> LIST
>> LIST
= open LIST down connect 192.168.1.2:1930, connect 172.16.3.4:52397
<< 150 Opening ASCII mode data connection for /bin/ls.
= confirm
< 150 Opening ASCII mode data connection for /bin/ls.
<< 226 Listing completed.
! data complete
< 226 Listing completed.
)"});
}

TEST(RelayMachine, RelaysWhatItNeedNotChangeWithTheSameVerbAndArgument) {
    for (const std::string line : {"NOOP",
                                   "SYST",
                                   "PWD",
                                   "XPWD",
                                   "CWD /a b",
                                   "CWD  leading blank",
                                   "MKD trailing ",
                                   "DELE r\xc3\xa9sum\xc3\xa9",
                                   "SIZE x",
                                   "MDTM x",
                                   "MLST x",
                                   "MFMT 20260102030405 x",
                                   "SITE CHMOD 644 x",
                                   "OPTS UTF8 ON",
                                   "LANG en",
                                   "HOST ftp.example.org",
                                   "TYPE I",
                                   "TYPE L 8",
                                   "MODE S",
                                   "STRU F",
                                   "REST 9223372036854775807",
                                   "ALLO 10",
                                   "RNFR a",
                                   "STAT /x",
                                   "HELP SITE",
                                   "CLNT x 1.0",
                                   "FOOBAR quux",
                                   "XCRC \"a b\"",
                                   "RMD a",
                                   "CDUP",
                                   "STAT",
                                   "ABOR"}) {
        SCOPED_TRACE(line);
        relay_driver driver(usual(), false);
        if (!line.starts_with("HOST")) driver.play(login);
        driver.to_client.clear();
        driver.client(line + "\r\n");
        ASSERT_EQ(driver.to_backend.size(), 1U);
        EXPECT_EQ(driver.to_backend.front(), line);
        driver.backend("250-first\r\n 250 inner\r\n250 last\r\n");
        EXPECT_EQ(driver.to_client, (std::deque<std::string>{"250-first", " 250 inner", "250 last"}));
    }
}

// The client may double the byte or not: what the backend gets is read alike by servers that undo Telnet and others.
TEST(RelayMachine, ForwardsEachByteOfAName_IN02) {
    for (const std::string verb :
         {"CWD", "MKD", "RMD", "DELE", "RNFR", "RNTO", "SIZE", "MDTM", "MLST", "STAT", "SITE CHMOD 644",
          "MFMT 20260102030405", "RETR", "STOR", "APPE", "STOU", "LIST", "NLST", "MLSD"}) {
        SCOPED_TRACE(verb);
        for (const std::string name : {"d\xff",
                                       "\xff"
                                       "1",
                                       "d\xff"
                                       "1",
                                       "d\xff\xff"
                                       "1",
                                       "d\xff\xff"}) {
            relay_driver driver(usual(), true);
            driver.play(login);
            driver.play(passive);
            if (verb == "RNTO") driver.play("> RNFR a\n>> RNFR a\n<< 350 ok\n< 350 ok\n");
            driver.to_backend.clear();
            driver.client(verb + " " + name + "\r\n");
            ASSERT_FALSE(driver.to_backend.empty());
            const bool one = name.find("\xff\xff") == std::string::npos;
            const std::string meant = one ? name : name.substr(0, name.find('\xff')) + name.substr(name.find('\xff') + 1);
            EXPECT_EQ(driver.to_backend.front(), verb + " " + meant);
        }
    }
    relay_driver driver(usual(), true);
    driver.play(login);
    driver.client(
        "CWD \xff\xff\xf2\r\n\xff\xff"
        "DELE a\r\n");
    EXPECT_EQ(driver.to_backend, (std::deque<std::string>{"CWD \xff\xff\xf2",
                                                          "\xff\xff"
                                                          "DELE a"}));
}

TEST(RelayMachine, ForwardsKeywordsWithoutTrailingBlanks) {
    relay_driver driver(usual(), false);
    driver.play(login);
    driver.client("TYPE I  \r\nREST 0 \r\nPWD \r\nCDUP ..\r\nOPTS UTF8 ON \r\nCWD a \r\n");
    EXPECT_EQ(driver.to_backend, (std::deque<std::string>{"TYPE I", "REST 0", "PWD", "CDUP", "OPTS UTF8 ON", "CWD a "}));
}

TEST(RelayMachine, SendsLocalRepliesInOrder_GW04) {
    play(with_tls(), {login, R"(> NOOP
>> NOOP
> PBSZ 0
> BAD)"
                             "\x01"
                             R"(LINE
> NOOP
>> NOOP
<< 200 first
< 200 first
< 503 PBSZ requires TLS; send AUTH TLS first.
< 501 Control characters are not allowed in a command.
<< 200 second
< 200 second
)"});
}

TEST(RelayMachine, TakesThousandsOfPipelinedCommandsWithBoundedQueues) {
    constexpr std::size_t commands = 5000;
    std::string all;
    for (std::size_t i = 0; i < commands; ++i) all += "NOOP\r\n";
    relay_driver driver(usual(), false);
    std::size_t answered = 0;
    bool was_full = false;
    for (std::size_t sent = 0; answered < commands;) {
        if (sent < all.size() && driver.machine.can_read_client()) {
            driver.client(std::string_view(all).substr(sent, 1024));
            sent += 1024;
            continue;
        }
        was_full = was_full || sent < all.size();
        ASSERT_FALSE(driver.to_backend.empty()) << "stalled after " << answered;
        EXPECT_LE(driver.to_backend.size(), 64U);
        for (; !driver.to_backend.empty(); ++answered) {
            EXPECT_EQ(driver.to_backend.front(), "NOOP");
            driver.to_backend.pop_front();
        }
        std::string replies;
        while (driver.to_client.size() + replies.size() / 8 < answered + 1) replies += "200 ok\r\n";
        driver.backend(replies);
    }
    EXPECT_TRUE(was_full);
    EXPECT_EQ(driver.to_client.size(), commands + 1);
}

TEST(RelayMachine, RunsPipelinedTransfersOneAfterTheOther) {
    play(usual(), {login, passive, R"(> RETR a
> PASV
> NOOP
>> RETR a
= open RETR down listen, connect 172.16.3.4:52397
<< 150 a
= confirm
< 150 a
<< 226 done
! data complete
< 226 done
>> PASV
<< 227 (172,16,3,4,4,0)
= reserve
! port 17.254.0.91:5000
< 227 Entering Passive Mode (17,254,0,91,19,136)
>> NOOP
<< 200 ok
< 200 ok
)"});
}

TEST(RelayMachine, ReplacesFeaturesThatEndAtTheGateway) {
    auto s = with_tls();
    s.backend.protect = false;
    play(s, {R"(< 220 Welcome.
> FEAT
>> FEAT
<< 211-Extensions:
<<  AUTH SSL
<<  mdtm
<<  CPSV
<<  UTF8
<<  REST STREAM
<< 211 end
< 211-Features:
<  mdtm
<  UTF8
<  REST STREAM
<  AUTH TLS
<  PBSZ
<  PROT
<  EPRT
<  EPSV
< 211 End
)"});
    play(usual(), {"< 220 Welcome.\n> FEAT\n>> FEAT\n<< 502 What?\n< 502 What?\n"});
}

TEST(RelayMachine, HidesBlockModeFromBothLegs) {
    play(usual(), {login, R"(> FEAT
>> FEAT
<< 211-Features:
<<  mode b
<<  MODE Z
<< 211 End
< 211-Features:
<  MODE Z
<  EPRT
<  EPSV
< 211 End
> MODE b
< 504 MODE B is not supported here; the mode is unchanged.
> MODE Z
>> MODE Z
<< 200 Mode is deflate.
< 200 Mode is deflate.
)"});
}

// ---- What is refused here

TEST(RelayMachine, RefusesGarbageAsTheServerWould) {
    play(usual(), {R"(< 220 Welcome.
>  NOOP
< 500 A line starts with a command; send HELP for a list.
> LPRT 4,4,10,0,0,1,2,4,0
< 500 Unknown command.
> RETR x
< 530 Log in with USER and PASS first.
> PASV
< 530 Log in with USER and PASS first.
> CCC
< 530 Log in with USER and PASS first.
)",
                   login_only, R"(> LPRT 4,4,10,0,0,1,2,4,0
< 502 LPRT is not supported here.
> MIC abcd
< 502 MIC is not supported here.
> CCC
< 533 The control connection is not encrypted.
)"});
}

TEST(RelayMachine, RefusesOverlongLinesAndEndsAtTheThird_IN01) {
    for (const bool bytewise : {false, true}) {
        relay_driver driver(usual(), bytewise);
        const std::string overlong = "CWD " + std::string(limits::max_command_line_before_login, 'a') + "\r\n";
        driver.client(overlong + "NOOP\r\n" + overlong);
        EXPECT_EQ(driver.to_backend, std::deque<std::string>{"NOOP"});
        driver.backend("200 ok\r\n");
        EXPECT_EQ(driver.to_client, (std::deque<std::string>{"220 Welcome.", "500 Command line too long.", "200 ok",
                                                             "500 Command line too long."}));
        driver.client(overlong);
        EXPECT_EQ(driver.to_client.back(), "421 Too many overlong command lines.");
        EXPECT_TRUE(driver.machine.closing());
    }
}

TEST(RelayMachine, RefusesNulAndBareCr_IN03) {
    for (const bool bytewise : {false, true}) {
        relay_driver driver(usual(), bytewise);
        driver.client(std::string_view("CWD a\0b\r\nCWD a\rb\r\n", 18));
        EXPECT_TRUE(driver.to_backend.empty());
        EXPECT_EQ(driver.to_client.size(), 3U);
        EXPECT_TRUE(driver.to_client.back().starts_with("501 "));
    }
}

// CVE-2020-16043.
TEST(RelayMachine, EndsAtAForeignProtocol_GW01) {
    for (const std::string line : {"POST / HTTP/1.1\r\nPORT 198,51,100,7,0,22\r\n", "\x16\x03\x01", "EHLO x\r\n",
                                   "SSH-2.0-x\r\n", "INVITE sip:a@b SIP/2.0\r\n"}) {
        for (const bool bytewise : {false, true}) {
            relay_driver driver(usual(), bytewise);
            driver.client(line);
            EXPECT_TRUE(driver.machine.closing()) << line;
            EXPECT_TRUE(driver.to_backend.empty());
            EXPECT_LE(driver.to_client.back().size(), 64U);
            EXPECT_EQ(driver.count(relay_note::violation), 1U);
        }
    }
}

// ---- TLS

TEST(RelayMachine, EndsTlsOnTheClientLegAndProtectsDataOfEachLegByItself_G10) {
    play(with_tls(), {auth, login_only, R"(> PROT P
< 503 Send PBSZ 0 before PROT.
> PBSZ 0
< 200 PBSZ=0
> PROT P
< 200 Data connections will be encrypted.
)",
                      passive, R"(> RETR f
>> RETR f
= open RETR down listen tls, connect 172.16.3.4:52397
<< 550 No.
= release
< 550 No.
> CCC
< 534 The control connection stays encrypted.
> PROT E
< 536 Only PROT C and PROT P are possible with TLS.
> PROT C
< 200 Data connections will not be encrypted.
> AUTH TLS
< 503 TLS is already active.
)"});
}

TEST(RelayMachine, ProtectsTheBackendsDataOnceAfterLogin) {
    auto s = usual();
    s.backend.protect = true;
    constexpr std::string_view protect_backend_data = R"(>> PBSZ 0
>> PROT P
> PASV
<< 200 PBSZ=0
<< 200 Private.
>> PASV
<< 227 (172,16,3,4,204,173)
= reserve
! port 17.254.0.91:6000
< 227 Entering Passive Mode (17,254,0,91,23,112)
> LIST
>> LIST
= open LIST down listen, connect 172.16.3.4:52397 tls
<< 226 Empty.
! data complete
< 226 Empty.
)";
    play(s, {"< 220 Welcome.\n", login_only, protect_backend_data, login_only,
             "> REIN\n< 220 FTP service ready.\n> PWD\n< 530 Log in with USER and PASS first.\n> USER v\n= find for v\n"
             "! backend 172.16.3.9:21\n>> USER v\n<< 331 Password?\n< 331 Password?\n"});
    play(s, {"< 220 Welcome.\n", login_only,
             ">> PBSZ 0\n>> PROT P\n<< 200 ok\n<< 536 No.\n< 421 The FTP server refused to encrypt data "
             "connections.\n= close\n"});
}

TEST(RelayMachine, ClosesIfPlainTextFollowsAuth_TLS01) {
    for (const std::string_view extra : {"U", "US", "USER evil\r\n", "\r\n"}) {
        relay_driver driver(with_tls(), false);
        driver.client("AUTH TLS\r\n" + std::string(extra));
        EXPECT_TRUE(driver.machine.closing()) << extra;
        EXPECT_EQ(driver.to_client.back(), "421 Commands must not follow AUTH TLS before the handshake.");
        EXPECT_TRUE(driver.to_backend.empty());
    }
}

TEST(RelayMachine, ClosesAfterPlainTextDuringTheHandshake_TLS01) {
    relay_driver driver(with_tls(), false);
    driver.client("AUTH TLS\r\n");
    EXPECT_FALSE(driver.machine.can_read_client());
    driver.client("USER evil\r\n");
    driver.machine.report(relay_outcome::client_tls_started{});
    EXPECT_TRUE(driver.machine.closing());
    EXPECT_TRUE(driver.to_backend.empty());
}

// Nothing that was said in the clear counts: the next login has a backend of its own.
TEST(RelayMachine, AuthRestartsTheLogin_TLS01) {
    constexpr std::string_view auth_restarts_login = R"(> AUTH TLS
< 234 Start the TLS handshake.
= tls
! tls
> PASS p
< 503 Send USER first.
> PWD
< 530 Log in with USER and PASS first.
> USER v
= find for v
! backend 172.16.3.9:21
>> USER v
<< 331 Password?
< 331 Password?
> PASS p
>> PASS p
<< 230 In.
< 230 In.
> RETR f
< 425 Send EPSV, PASV, EPRT or PORT first.
)";
    const std::string drops =
        "> AUTH TLS\n= release\n" + std::string(auth_restarts_login.substr(auth_restarts_login.find('\n') + 1));
    play(with_tls(), {login, auth_restarts_login});
    play(with_tls(), {login, passive, drops});
    play(with_tls(), {"< 220 Welcome.\n> USER u\n>> USER u\n<< 331 Password?\n< 331 Password?\n", auth_restarts_login});
}

TEST(RelayMachine, RefusesAuthWithoutTls) {
    play(usual(), {"< 220 Welcome.\n> AUTH TLS\n< 502 TLS is not available here.\n"});
    play(with_tls(), {"< 220 Welcome.\n> AUTH KERBEROS\n< 504 Only AUTH TLS is supported.\n"});
}

TEST(RelayMachine, RequiresTls) {
    auto s = with_tls();
    s.tls_required = true;
    play(s, {R"(< 220 Welcome.
> USER u
< 530 TLS is required; send AUTH TLS before USER.
> AUTH TLS
< 234 Start the TLS handshake.
= tls
! tls
)",
             login_only, passive, R"(> PBSZ 0
< 200 PBSZ=0
> PROT C
< 534 Data connections must be encrypted; send PROT P.
> LIST
< 521 Data connections must be encrypted; send PROT P.
)"});
}

TEST(RelayMachine, TakesImplicitTlsAndAuthSslAsProtectedData) {
    auto s = with_tls();
    s.tls_active = true;
    constexpr std::string_view list = "> LIST\n>> LIST\n= open LIST down listen tls, connect 172.16.3.4:52397\n";
    play(s, {login, passive, list});
    play(with_tls(),
         {"< 220 Welcome.\n> AUTH SSL\n< 234 Start the TLS handshake.\n= tls\n! tls\n", login_only, passive, list});
}

// ---- Ends

TEST(RelayMachine, PassesTheBackends421AndEnds) {
    play(usual(), {login, "<< 421 Shutting down.\n< 421 Shutting down.\n= close\n"});
    play(usual(), {login, passive, retrieving, "<< 421 Shutting down.\n= release\n= close\n< 421 Shutting down.\n"});
}

TEST(RelayMachine, Replies421IfTheBackendCloses) {
    constexpr std::string_view gone = "< 421 The FTP server closed the connection; connect again.\n= close\n";
    play(usual(), {login, "! backend gone\n", gone});
    play(usual(), {login, passive, retrieving, "! backend gone\n= release\n",
                   "< 426 Transfer aborted: connection to the FTP server lost.\n", gone});
}

// CVE-2008-2541.
TEST(RelayMachine, EndsIfTheBackendDoesNotSpeakFtp_GW10) {
    play(usual(), {login, "<< HTTP/1.1 400 Bad Request\n< 421 The FTP server sent an invalid reply.\n= close\n"});
    for (const bool bytewise : {false, true}) {
        relay_driver driver(usual(), bytewise);
        driver.backend("220-" + std::string(limits::max_reply_line + 10, 'x') + "\r\n");
        EXPECT_TRUE(driver.machine.closing());
    }
}

TEST(RelayMachine, EndsWithItsReason_G6) {
    play(usual(), {login, passive, "! expire Idle for 300 s.\n= release\n= close\n< 421 Idle for 300 s.\n"});
}

TEST(RelayMachine, MasksPasswordsInItsNotes_S7) {
    play(usual(), {login}, [](relay_driver& driver) {
        for (const auto& [kind, text] : driver.notes) EXPECT_EQ(text.find("NcFTP@"), std::string::npos) << text;
        EXPECT_GE(driver.count(relay_note::line), 4U);
    });
}

}  // namespace
}  // namespace sallyport::proto
