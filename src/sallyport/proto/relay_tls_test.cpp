// TLS on both legs alike, its end on the client leg, and which users and commands are admitted.

#include <gtest/gtest.h>

#include <sallyport/proto/relay_test_script.hpp>

namespace sallyport::proto {
namespace {

using namespace relay_script;

constexpr std::string_view auth_on_both = R"(< 220 Welcome.
> AUTH TLS
>> AUTH TLS
<< 234 Go on.
= backend tls
! backend tls
< 234 Start the TLS handshake.
= tls
! tls
)";

constexpr std::string_view backend_protected = R"(>> PBSZ 0
>> PROT P
<< 200 ok
<< 200 ok
)";

TEST(RelayTls, MatchStartsTlsOnTheBackendLegBeforeTheLoginAndProtectsDataAsTheClientDoes_G10) {
    play(matching(), {auth_on_both, protect, login_only, backend_protected, passive, R"(> RETR f
>> RETR f
= open RETR down listen tls, connect 172.16.3.4:52397 tls
<< 226 Done.
! data complete
< 226 Done.
> PROT C
>> PROT C
<< 200 Clear.
< 200 Clear.
)",
                      passive, R"(> RETR f
>> RETR f
= open RETR down listen, connect 172.16.3.4:52397
<< 226 Done.
! data complete
< 226 Done.
)"});
}

TEST(RelayTls, MatchStaysPlainForAPlainClient_G10) {
    play(matching(), {login, passive, "> RETR f\n>> RETR f\n= open RETR down listen, connect 172.16.3.4:52397\n"});
}

TEST(RelayTls, MatchLeavesDataPlainUntilTheClientSendsProt) {
    play(matching(), {auth_on_both, login_only, passive, R"(> LIST
>> LIST
= open LIST down listen, connect 172.16.3.4:52397
<< 226 Done.
! data complete
< 226 Done.
> PBSZ 0
< 200 PBSZ=0
> PROT P
>> PBSZ 0
>> PROT P
<< 200 ok
<< 534 Never.
< 534 Never.
)",
                      passive, "> LIST\n>> LIST\n= open LIST down listen, connect 172.16.3.4:52397\n"});
}

TEST(RelayTls, MatchKnowsImplicitTlsFromTheStart) {
    auto s = matching();
    s.tls_active = s.backend.protect = true;
    play(s, {"< 220 Welcome.\n", login_only, backend_protected, passive,
             "> LIST\n>> LIST\n= open LIST down listen tls, connect 172.16.3.4:52397 tls\n"});
}

TEST(RelayTls, MatchReplies431IfTheBackendHasNoTls_TLS03) {
    play(matching(), {R"(< 220 Welcome.
> AUTH TLS
>> AUTH TLS
<< 502 What?
< 431 The FTP server does not support TLS.
)",
                      login_only});
    auto s = matching();
    s.tls_required = true;
    play(s, {R"(< 220 Welcome.
> AUTH TLS
>> AUTH TLS
<< 530 Log in first.
< 431 The FTP server does not support TLS.
> USER u
< 530 TLS is required; send AUTH TLS before USER.
)"});
}

TEST(RelayTls, MatchEndsAtRepliesAfterTheBackends234_TLS02) {
    for (const std::string after : {"230 You are in.\r\n", "2", "230 You are", "230-You\r\n", "\r\n"}) {
        SCOPED_TRACE(after);
        relay_driver driver(matching(), false);
        driver.client("AUTH TLS\r\n");
        driver.backend("234 Go on.\r\n" + after);
        EXPECT_TRUE(driver.machine.closing());
        EXPECT_EQ(driver.actions, std::deque<std::string>{"close"}) << "no handshake";
    }
}

TEST(RelayTls, MatchEndsAtCommandsBeforeTheBackends234_TLS01) {
    relay_driver driver(matching(), false);
    driver.client("AUTH TLS\r\n");
    EXPECT_FALSE(driver.machine.can_read_client());
    driver.client("USER evil\r\n");
    EXPECT_TRUE(driver.machine.closing());
    EXPECT_EQ(driver.to_backend, std::deque<std::string>{"AUTH TLS"});
}

// ---- TLS that ends here or passes, as the client's first bytes decide

[[nodiscard]] relay_settings undecided() {
    auto s = matching();
    s.auth = client_tls::chosen_by_hello;
    return s;
}

constexpr std::string_view hello_awaited =
    "< 220 Welcome.\n> AUTH TLS\n>> AUTH TLS\n<< 234 Go.\n< 234 Start the TLS handshake.\n= hello\n";

TEST(RelayTls, TheClientsHelloDecidesWhereTlsEnds_G10) {
    play(undecided(), {hello_awaited, "! tls passes\n= passthrough\n"});
    play(undecided(), {hello_awaited, "! tls ends here\n= backend tls\n! backend tls\n= tls\n! tls\n",
                       "> PBSZ 0\n< 200 PBSZ=0\n> USER u\n>> USER u\n<< 331 P?\n< 331 P?\n"});
    play(undecided(), {"< 220 Welcome.\n> AUTH TLS\n>> AUTH TLS\n<< 500 No.\n< 431 The FTP server does not support TLS.\n"});
}

// The client takes whatever follows its hello for TLS.
TEST(RelayTls, TheEndOfASessionAfter234IsNotSentInClear_G10) {
    constexpr std::string_view gone = "< 421 The FTP server closed the connection; connect again.\n= close\n";
    play(undecided(), {hello_awaited, "! tls ends here\n= backend tls\n! backend gone\n= tls\n! tls\n", gone});
    play(undecided(), {hello_awaited, "! backend gone\n= hello\n! tls ends here\n= tls\n! tls\n", gone});
    play(undecided(), {hello_awaited, "! expire Bye.\n= hello\n! tls passes\n= close\n"});
    constexpr std::string_view handshake = "! tls ends here\n= backend tls\n! backend tls\n= tls\n";
    play(undecided(), {hello_awaited, handshake, "<< 421 Too late.\n= tls\n! tls\n< 421 Too late.\n= close\n"});
    play(undecided(),
         {hello_awaited, handshake, "<< 200 What?\n= tls\n! tls\n< 421 The FTP server sent an invalid reply.\n= close\n"});
    play(with_tls(), {"< 220 Welcome.\n> AUTH TLS\n< 234 Start the TLS handshake.\n= tls\n! expire Bye.\n= tls\n! expire "
                      "Again.\n= tls\n! tls\n",
                      "< 421 Bye.\n= close\n"});
    // The client has no 234 yet.
    play(matching(), {"< 220 Welcome.\n> AUTH TLS\n>> AUTH TLS\n<< 234 Go.\n= backend tls\n! backend gone\n", gone});
}

// Its own time limits go on meanwhile.
TEST(RelayTls, TheEndWaitsForTheHandshakeWhateverTimeHasPassed) {
    relay_driver driver(with_tls(), false);
    driver.client("AUTH TLS\r\n");
    driver.machine.report(relay_outcome::session_ended{"Bye."});
    driver.machine.time_passed(script_begins + std::chrono::hours(24));
    EXPECT_FALSE(driver.machine.closing());
    driver.machine.report(relay_outcome::client_tls_started{});
    EXPECT_TRUE(driver.machine.closing());
}

TEST(RelayTls, ALoginBeforeTheHelloHasNoEffectUnderTls_TLS01) {
    play(undecided(), {"< 220 Welcome.\n> USER u\n>> USER u\n<< 331 P?\n< 331 P?\n",
                       "> AUTH TLS\n>> AUTH TLS\n<< 234 Go.\n< 234 Start the TLS handshake.\n= hello\n",
                       "! tls ends here\n= tls\n! tls\n> PASS p\n< 503 Send USER first.\n> USER v\n= find for v\n"});
}

TEST(RelayTls, UntilTheHelloIsReadNoBytesPass_TLS01_TLS02) {
    relay_driver client(undecided(), false);
    client.client("AUTH TLS\r\n");
    client.backend("234 Go.\r\n");
    EXPECT_FALSE(client.machine.can_read_client() || client.machine.can_read_backend());
    client.client("USER evil\r\n");
    client.machine.report(relay_outcome::client_hello_read{.passes = false});
    client.machine.report(relay_outcome::client_tls_started{});
    EXPECT_TRUE(client.machine.closing());
    EXPECT_EQ(client.to_backend, std::deque<std::string>{"AUTH TLS"});
    relay_driver late(undecided(), false);
    late.client("AUTH TLS\r\n");
    late.backend("234 Go.\r\n230 In.\r\n");
    EXPECT_TRUE(late.machine.closing());
}

// ---- TLS that passes

[[nodiscard]] relay_settings passing() {
    auto s = with_tls();
    s.auth = client_tls::passes;
    return s;
}

TEST(RelayTls, PassesTlsFromTheBackends234On_GW06) {
    play(passing(), {"< 220 Welcome.\n> AUTH TLS\n>> AUTH TLS\n<< 234 Mine.\n= passthrough\n< 234 Mine.\n"});
    play(passing(), {"< 220 Welcome.\n> AUTH SSL\n>> AUTH SSL\n<< 504 No SSL.\n< 504 No SSL.\n> AUTH TLS\n>> AUTH TLS\n"
                     "<< 234 Mine.\n= passthrough\n< 234 Mine.\n"});
    play(passing(), {login, passive, retrieving}, [](relay_driver&) {});
    auto s = passing();
    s.tls_required = true;
    play(s, {"< 220 Welcome.\n> USER u\n< 530 TLS is required; send AUTH TLS before USER.\n"});
}

TEST(RelayTls, PassesNoUnencryptedBytesAsTls_TLS01_TLS02) {
    relay_driver early(passing(), false);
    early.client("AUTH TLS\r\nUSER evil\r\n");
    EXPECT_TRUE(early.machine.closing());
    relay_driver late(passing(), false);
    late.client("AUTH TLS\r\n");
    EXPECT_FALSE(late.machine.can_read_client());
    late.backend("234 Mine.\r\n230 In.\r\n");
    EXPECT_TRUE(late.machine.closing());
    relay_driver half(passing(), false);
    half.client("AUTH TLS\r\n");
    half.backend("234 Mine.\r\n230-In");
    EXPECT_TRUE(half.machine.closing()) << "the rest would pass as TLS";
}

// ---- CCC

[[nodiscard]] relay_settings may_clear() {
    auto s = with_tls();
    s.ccc_allowed = true;
    return s;
}

TEST(RelayTls, CccEndsTlsOnTheControlConnectionOnly_TLS06) {
    play(may_clear(), {auth, "> CCC\n< 530 Log in with USER and PASS first.\n", login_only,
                       "> CCC\n< 534 Data connections must be encrypted first; send PROT P.\n", protect, R"(> CCC
< 200 The control connection is now unencrypted; data connections stay encrypted.
= end tls
! tls ended
)",
                       passive, R"(> RETR f
>> RETR f
= open RETR down listen tls, connect 172.16.3.4:52397
<< 226 Done.
! data complete
< 226 Done.
> PROT C
< 503 The data protection level cannot be changed after CCC.
> AUTH TLS
< 503 After CCC the control connection stays unencrypted; connect again to use TLS.
> CCC
< 533 The control connection is not encrypted.
> REIN
< 502 REIN is not possible after CCC; connect again instead.
)"});
}

TEST(RelayTls, CccWaitsForRepliesThatBelongUnderTls_TLS06) {
    play(may_clear(), {auth, login_only, protect, R"(> NOOP
>> NOOP
> CCC
<< 200 Zzz.
< 200 Zzz.
< 200 The control connection is now unencrypted; data connections stay encrypted.
= end tls
! tls ended
)"});
}

TEST(RelayTls, CccIsRefusedIfTlsIsRequired_TLS06) {
    auto s = may_clear();
    s.tls_required = true;
    play(s, {auth, login_only, protect, "> CCC\n< 534 The control connection stays encrypted.\n"});
    play(with_tls(), {auth, login_only, protect, "> CCC\n< 534 The control connection stays encrypted.\n"});
    play(may_clear(), {login, "> CCC\n< 533 The control connection is not encrypted.\n"});
}

TEST(RelayTls, BytesAfterCccUnderTlsEndTheSession_TLS01) {
    relay_driver driver(may_clear(), false);
    for (const auto part : {auth, login_only, protect}) driver.play(part);
    driver.client("CCC\r\nDELE x\r\n");
    EXPECT_TRUE(driver.machine.closing());
    EXPECT_EQ(driver.to_client.back(), "421 Commands must not follow CCC before its reply.");
    EXPECT_TRUE(driver.to_backend.empty());
}

TEST(RelayTls, FeatNamesCccIfItIsAllowed) {
    play(may_clear(), {auth, R"(> FEAT
>> FEAT
<< 211-Features:
<<  CCC
<<  SIZE
<< 211 End
< 211-Features:
<  SIZE
<  AUTH TLS
<  PBSZ
<  PROT
<  CCC
<  EPRT
<  EPSV
< 211 End
)"});
}

// ---- Certificates of clients

constexpr std::string_view auth_as_bob = R"(< 220 Welcome.
> AUTH TLS
< 234 Start the TLS handshake.
= tls
! tls as bob
)";

TEST(RelayTls, TheCertificateNamesTheUser_G10) {
    play(with_tls(), {auth_as_bob, R"(> USER alice
< 530 Your certificate is another user's.
> USER BOB
< 530 Your certificate is another user's.
> USER bob
>> USER bob
<< 331 Password?
< 331 Password?
)"});
    auto s = with_tls();
    s.certified.replaces = true;
    play(s, {auth_as_bob, "> USER alice\n>> USER bob\n<< 331 Password?\n< 331 Password?\n"});
    play(s, {auth, login_only}, [](relay_driver&) {});
    s.tls_active = true;
    s.certified.name = "";
    play(s, {"< 220 Welcome.\n> USER bob\n< 530 Your certificate names no user.\n"});
}

TEST(RelayTls, ACertificatesNameCannotBeACommand_CL02) {
    auto s = with_tls();
    s.tls_active = s.certified.replaces = true;
    s.certified.name = "bob\r\nDELE x";
    relay_driver driver(s, false);
    driver.client("USER x\r\n");
    EXPECT_TRUE(driver.to_backend.empty());
}

// ---- Policy

TEST(RelayPolicy, RepliesToRefusedCommandsInOrder) {
    auto s = usual();
    s.policy = *command_policy::make({}, {"SITE", "MLST"}, true);
    play(s, {login, R"(> SIZE f
>> SIZE f
> STOR f
> SITE HELP
> RNFR f
<< 213 5
< 213 5
< 550 Access is read-only.
< 502 SITE is not allowed here.
< 550 Access is read-only.
> FEAT
>> FEAT
<< 211-Features:
<<  MLST type*;
<<  SIZE
<< 211 End
< 211-Features:
<  SIZE
<  EPRT
<  EPSV
< 211 End
)"});
}

TEST(RelayPolicy, CountsUsersAfterTheirPassword) {
    auto s = usual();
    s.limit_users = true;
    play(s, {R"(< 220 Welcome.
> USER bob
>> USER bob
<< 331 Password?
< 331 Password?
> PASS p
>> PASS p
<< 230 In.
= admit bob
! admitted
< 230 In.
> PWD
>> PWD
<< 257 "/"
< 257 "/"
)"});
    play(s, {R"(< 220 Welcome.
> USER bob
>> USER bob
<< 230 No password needed.
= admit bob
! not admitted
= close
< 421 Too many sessions of this user; close one, or try again later.
)"});
}

}  // namespace
}  // namespace sallyport::proto
