// Logins at a gateway whose backend is chosen at the login, and backends that fail during one.

#include <sallyport/proto/relay_test_script.hpp>

namespace sallyport::proto {
namespace {

using namespace relay_script;

constexpr std::string_view greeted = "< 220 FTP service ready.\n";
constexpr std::string_view anna = R"(> USER anna
= find for anna
! backend 172.16.3.9:21
>> USER anna
<< 331 Password?
< 331 Password?
> PASS x
>> PASS x
<< 230 In.
< 230 In.
)";

TEST(RelayLogin, SelectsTheBackendByTheUser_G7) {
    play_selecting(usual(), {greeted, anna, R"(> PWD
>> PWD
<< 257 "/"
< 257 "/"
> PASV
>> EPSV
<< 229 Entering Extended Passive Mode (|||50000|)
= reserve
! port 17.254.0.91:52397
< 227 Entering Passive Mode (17,254,0,91,204,173)
> RETR f
>> RETR f
= open RETR down listen, connect 172.16.3.9:50000
<< 550 No.
= release
< 550 No.
)"});
}

TEST(RelayLogin, RepliesToCommandsBeforeIt_G7) {
    play_selecting(usual(), {greeted, R"(> SYST
< 215 UNIX Type: L8
> NOOP
< 200 OK.
> FEAT
< 211-Features:
<  HOST
<  UTF8
<  EPRT
<  EPSV
< 211 End
> AUTH TLS
< 502 TLS is not available here.
> PWD
< 530 Log in with USER and PASS first.
> PASV
< 530 Log in with USER and PASS first.
> RETR f
< 530 Log in with USER and PASS first.
> OPTS MLST size
< 501 Only OPTS UTF8 ON has a meaning before the login.
> PASS early
< 503 Send USER first.
> ABOR
< 226 No transfer is running.
> REIN
< 220 FTP service ready.
> QUIT
< 221 Goodbye.
= close
)"});
}

TEST(RelayLogin, SendsTheBackendEarlierCommandsAgain_G7) {
    play_selecting(usual(), {greeted, R"(> HOST ftp.a.example
< 220 Host accepted.
> OPTS UTF8 ON
< 200 UTF8 will be on.
> HOST ftp.b.example
< 220 Host accepted.
> USER anna
= find for anna at ftp.b.example
! backend 172.16.3.9:21
>> OPTS UTF8 ON
<< 200 on
>> HOST ftp.b.example
<< 502 What?
>> USER anna
<< 331 Password?
< 331 Password?
)"});
}

TEST(RelayLogin, DefersWhatIsSentMeanwhile) {
    play_selecting(usual(), {greeted, R"(> USER anna
= find for anna
> PASS x
> PWD
! backend 172.16.3.9:21
>> USER anna
<< 331 Password?
< 331 Password?
>> PASS x
<< 230 In.
< 230 In.
>> PWD
<< 257 "/"
< 257 "/"
)"});
}

TEST(RelayLogin, Replies421WithoutABackend) {
    play_selecting(usual(), {greeted, "> USER anna\n= find for anna\n! no backend\n< 421 All are down.\n= close\n"});
}

TEST(RelayLogin, DoesNotRevealWhichUsersExist) {
    for (const bool bytewise : {false, true}) {
        relay_driver driver(relay_machine(usual()), bytewise);
        driver.play(greeted);
        driver.play(R"(> USER guest
= find for guest
! no backend for this user
< 331 Send the password.
> PASS x
< 530 Login incorrect.
> PASS x
< 503 Send USER first.
)");
        EXPECT_EQ(driver.count(relay_note::login_refused), 1U);
        driver.play(anna);
        driver.expect_nothing_left();
    }
}

TEST(RelayLogin, ForwardsNoPasswordDuringALoginPenalty_AU02) {
    int checked = 0;
    auto settings = usual();
    settings.callbacks.login_check = [&checked] { return checked++ % 2 == 0 ? "" : "Too many failed logins."; };
    play(settings, {R"(< 220 Welcome.
> USER anna
>> USER anna
<< 331 Password?
< 331 Password?
> PASS x
>> PASS x
<< 530 No.
< 530 No.
> PASS y
< 421 Too many failed logins.
= close
)"});
}

TEST(RelayLogin, LeavesTheBackendOfAnotherUser_G7) {
    play_selecting(usual(), {greeted, R"(> USER bob
= find for bob
! backend 172.16.3.8:21
>> USER bob
<< 331 Password?
< 331 Password?
> PASS wrong
>> PASS wrong
<< 530 No.
< 530 No.
> USER bob
>> USER bob
<< 331 Password?
< 331 Password?
)",
                             anna});
}

TEST(RelayLogin, SelectsABackendUnderTlsOnTheClientLeg_G7_G10) {
    auto settings = with_tls();
    settings.tls_required = true;
    play_selecting(settings, {greeted, R"(> USER anna
< 530 TLS is required; send AUTH TLS before USER.
> AUTH TLS
< 234 Start the TLS handshake.
= tls
! tls
> PBSZ 0
< 200 PBSZ=0
> PROT P
< 200 Data connections will be encrypted.
)",
                              anna, R"(> EPSV
>> EPSV
<< 229 Entering Extended Passive Mode (|||52397|)
= reserve extended
! port 17.254.0.91:52397
< 229 Entering Extended Passive Mode (|||52397|)
> RETR f
>> RETR f
= open RETR down listen tls, connect 172.16.3.9:52397
<< 550 No.
= release
< 550 No.
)"});
}

// ---- Backends that fail during a login

TEST(RelayLogin, ReplacesABackendThatFailsAtUser_G7) {
    for (const std::string_view end : {"! backend gone\n", "! backend silent\n", "<< 421 Too many users.\n"}) {
        play(usual(), {R"(< 220 Welcome.
> HOST ftp.a.example
>> HOST ftp.a.example
<< 220 Yes.
< 220 Yes.
> USER anna
>> USER anna
)",
                       end, R"(= find another for anna at ftp.a.example
! backend 172.16.3.9:21
>> HOST ftp.a.example
<< 220 Yes.
>> USER anna
)",
                       end, R"(= find another for anna at ftp.a.example
! backend 172.16.3.10:21
>> HOST ftp.a.example
<< 220 Yes.
>> USER anna
<< 331 Password?
< 331 Password?
)"});
    }
}

TEST(RelayLogin, ReplacesABackendThatFailsAtThePasswordOfAnAnonymousUser_G7) {
    play(usual(), {R"(< 220 Welcome.
> USER anonymous
>> USER anonymous
<< 331 Guest?
< 331 Guest?
> PASS me@
>> PASS me@
! backend gone
= find another for anonymous
! backend 172.16.3.9:21
>> USER anonymous
<< 331 Guest?
>> PASS me@
<< 230 In.
< 230 In.
! backend gone
< 421 The FTP server closed the connection; connect again.
= close
)"});
    // It wants no password, or no such user.
    for (const std::string_view word : {"230 In.", "530 No."}) {
        const auto answer = "<< " + std::string(word) + "\n< " + std::string(word) + "\n";
        play(usual(), {R"(< 220 Welcome.
> USER ftp
>> USER ftp
<< 331 Guest?
< 331 Guest?
> PASS me@
>> PASS me@
<< 421 Full.
= find another for ftp
! backend 172.16.3.9:21
>> USER ftp
)",
                       answer, "> NOOP\n>> NOOP\n<< 200 ok\n< 200 ok\n"});
    }
}

TEST(RelayLogin, NeedsNoBackendThatClosesBetweenCommands_G7) {
    for (const std::string_view end : {"! backend gone\n", "<< 421 Idle.\n"}) {
        play(usual(), {R"(< 220 Welcome.
> OPTS UTF8 ON
>> OPTS UTF8 ON
<< 200 on
< 200 on
)",
                       end, R"(> NOOP
< 200 OK.
> PASS x
< 503 Send USER first.
> USER anna
= find another for anna
! backend 172.16.3.9:21
>> OPTS UTF8 ON
<< 200 on
>> USER anna
<< 331 Password?
< 331 Password?
)",
                       end, R"(> PASS x
= find another for anna
! backend 172.16.3.8:21
>> OPTS UTF8 ON
<< 200 on
>> USER anna
<< 331 Password?
>> PASS x
<< 230 In.
< 230 In.
)"});
    }
}

TEST(RelayLogin, EndsAsTheBackendDoesAfterAWrongPassword) {
    for (const std::string_view end :
         {"! backend gone\n< 421 The FTP server closed the connection; connect again.\n= close\n",
          "<< 421 Enough.\n< 421 Enough.\n= close\n"}) {
        play(usual(), {R"(< 220 Welcome.
> USER anonymous
>> USER anonymous
<< 331 Guest?
< 331 Guest?
> PASS x
>> PASS x
<< 530 No.
< 530 No.
)",
                       end});
    }
}

TEST(RelayLogin, CountsAUserIfTheSecondBackendNeedsNoPassword) {
    auto settings = usual();
    settings.limit_users = true;
    play(settings, {R"(< 220 Welcome.
> USER ftp
>> USER ftp
<< 331 Guest?
< 331 Guest?
> PASS me@
>> PASS me@
! backend gone
= find another for ftp
! backend 172.16.3.9:21
>> USER ftp
<< 230 In.
= admit ftp
! admitted
< 230 In.
> NOOP
>> NOOP
<< 200 ok
< 200 ok
)"});
}

TEST(RelayLogin, SendsNoPasswordTwice) {
    for (const std::string_view end :
         {"! backend gone\n< 421 The FTP server closed the connection; connect again.\n= close\n",
          "! backend silent\n< 421 The FTP server did not respond in time; try again later.\n= close\n",
          "<< 421 Full.\n< 421 Full.\n= close\n"}) {
        play(usual(), {R"(< 220 Welcome.
> USER anna
>> USER anna
<< 331 Password?
< 331 Password?
> PASS x
>> PASS x
)",
                       end});
    }
}

TEST(RelayLogin, TakesARefusedLoginForAReply) {
    play(usual(), {R"(< 220 Welcome.
> USER anonymous
>> USER anonymous
<< 530 No guests.
< 530 No guests.
> USER anonymous
>> USER anonymous
<< 331 Guest?
< 331 Guest?
> PASS me@
>> PASS me@
<< 530 No.
< 530 No.
)"});
}

TEST(RelayLogin, EndsWhereNoOtherBackendIsLeft) {
    play(usual(), {R"(< 220 Welcome.
> USER anna
>> USER anna
! backend gone
= find another for anna
! no backend
< 421 All are down.
= close
)"});
}

TEST(RelayLogin, LeavesNoPortOfOneUserToTheNext) {
    play(usual(), {login, passive, R"(> USER v
= release
>> USER v
<< 331 Password?
< 331 Password?
> PASS p
>> PASS p
<< 230 In.
< 230 In.
> RETR f
< 425 Send EPSV, PASV, EPRT or PORT first.
)"});
}

// ---- The value alone

[[nodiscard]] login_step step_of(relay_login& login, const command& cmd, bool connected, relay_output& out) {
    return cmd.id == verb::user ? login.on_user(cmd, usual(), false, connected, out)
                                : login.before_backend(cmd, usual(), out);
}

TEST(RelayLoginAlone, AnotherBackendIsSentWhatIsNoSecret) {
    relay_output out;
    relay_login login(true, {});
    const command host{verb::host, "HOST", "a.example"};
    const command user{verb::user, "USER", "u"};
    EXPECT_EQ(login.on_host(host, {}, false, out).next, login_step::kind::replied);
    const auto step = step_of(login, user, false, out);
    EXPECT_EQ(step.next, login_step::kind::find_backend);
    login.request_backend(step.cmd, step.failover, out);
    login.backend_found();
    login.send_next(out);
    EXPECT_EQ(out.pending().front().kind, reply_kind::replayed) << "HOST comes first";
    EXPECT_FALSE(login.ends_replay({220, {"Ok."}}, verb::host));
    out.remove_pending(0);
    login.send_next(out);
    EXPECT_EQ(out.pending().front().kind, reply_kind::relayed);

    const auto again = login.on_backend_lost(true, &out.pending().front());
    ASSERT_TRUE(again);
    EXPECT_EQ(again->cmd, user);
    EXPECT_TRUE(again->failover);
    login.store({verb::pass, "PASS", "secret"});
    EXPECT_FALSE(login.on_backend_lost(true, &out.pending().front())) << "a password is a secret";
    EXPECT_EQ(login.on_backend_lost(false, nullptr)->next, login_step::kind::replied) << "the next command finds another";
    EXPECT_TRUE(step_of(login, {verb::pass, "PASS", "p"}, false, out).failover);
}

TEST(RelayLoginAlone, ASessionThatIsLoggedInNeedsItsBackend) {
    relay_output out;
    relay_login login(false, {});
    EXPECT_EQ(step_of(login, {verb::user, "USER", "u"}, true, out).next, login_step::kind::forward);
    EXPECT_EQ(login.stage(), session_stage::user_given);
    EXPECT_FALSE(login.on_reply({331, {"P?"}}, verb::user, out));
    EXPECT_TRUE(login.on_reply({230, {"In."}}, verb::pass, out));
    EXPECT_EQ(login.stage(), session_stage::logged_in);
    EXPECT_FALSE(login.on_backend_lost(false, nullptr));
    login.reset();
    EXPECT_EQ(login.stage(), session_stage::connected);
}

TEST(RelayLoginAlone, ACertificateNamesItsUser) {
    relay_output out;
    auto settings = usual();
    relay_login login(false, "anna");
    const command other{verb::user, "USER", "bert"};
    EXPECT_EQ(login.on_user(other, settings, true, true, out).next, login_step::kind::replied);
    settings.certified.replaces = true;
    EXPECT_EQ(login.on_user(other, settings, true, true, out).cmd.argument, "anna");
    login.client_tls_started("");
    EXPECT_EQ(login.on_user(other, settings, true, true, out).next, login_step::kind::replied) << "it names no user";
}

}  // namespace
}  // namespace sallyport::proto
