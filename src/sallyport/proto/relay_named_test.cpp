// Clients of a forward proxy: the server is named in USER, or by OPEN or SITE before it.

#include <sallyport/proto/relay_test_script.hpp>

namespace sallyport::proto {
namespace {

using namespace relay_script;

[[nodiscard]] relay_settings proxy(server_naming naming = server_naming::required) {
    auto s = usual();
    s.naming = naming;
    return s;
}

constexpr std::string_view greeted = "< 220 FTP proxy ready; send USER name@host.\n";
constexpr std::string_view anna = R"(> USER anna@FTP.example.org:2121
= find for anna@ftp.example.org:2121 on ftp.example.org:2121
! backend 198.51.100.9:2121
>> USER anna
<< 331 Password?
< 331 Password?
> PASS x
>> PASS x
<< 230 In.
< 230 In.
)";

TEST(RelayNamed, TheServerIsInUser) {
    play_selecting(proxy(), {greeted, anna, R"(> ACCT dept
>> ACCT dept
<< 202 Not needed.
< 202 Not needed.
> PASV
>> EPSV
<< 229 Entering Extended Passive Mode (|||50000|)
= reserve
! port 17.254.0.91:52397
< 227 Entering Passive Mode (17,254,0,91,204,173)
> SITE CHMOD 600 f
>> SITE CHMOD 600 f
<< 200 Done.
< 200 Done.
> OPEN other.example.org
>> OPEN other.example.org
<< 500 What?
< 500 What?
)"});
}

TEST(RelayNamed, UserAndServerAreSplitAtTheLastMark) {
    play_selecting(proxy(), {greeted, R"(> USER anna@example.net@192.0.2.7
= find for anna@example.net@192.0.2.7 on 192.0.2.7
! backend 192.0.2.7:21
>> USER anna@example.net
<< 331 Password?
< 331 Password?
> USER anna#[2001:db8::7]:21
= find for anna@[2001:db8::7]:21 on [2001:db8::7]:21
! backend [2001:db8::7]:21
>> USER anna
<< 230 In.
< 230 In.
)"});
}

TEST(RelayNamed, OpenAndSiteNameTheServerOfTheNextUser) {
    for (const std::string_view form : {"> OPEN ftp.example.org 2121\n", "> SITE ftp.example.org:2121\n"}) {
        play_selecting(proxy(), {greeted, form, R"(< 220 Server noted; send USER and PASS.
> USER anna@example.net
= find for anna@example.net@ftp.example.org:2121 on ftp.example.org:2121
! backend 198.51.100.9:2121
>> USER anna@example.net
<< 331 Password?
< 331 Password?
)"});
    }
}

TEST(RelayNamed, ReinForgetsTheServer) {
    play_selecting(proxy(), {greeted, R"(> OPEN a.example
< 220 Server noted; send USER and PASS.
> REIN
< 220 FTP proxy ready; send USER name@host.
> USER anna
< 530 No server is named; send USER name@host or USER name@host:port.
> OPEN b.example
< 220 Server noted; send USER and PASS.
> USER anna
= find for anna@b.example on b.example
! backend 198.51.100.9:21
>> USER anna
<< 331 Password?
< 331 Password?
)"});
}

TEST(RelayNamed, WhatWasNamedBeforeTlsDoesNotCount_TLS01) {
    auto s = proxy();
    s.tls_available = true;
    play_selecting(s, {greeted, R"(> OPEN evil.example
< 220 Server noted; send USER and PASS.
> AUTH TLS
< 234 Start the TLS handshake.
= tls
! tls
> USER anna
< 530 No server is named; send USER name@host or USER name@host:port.
)"});
    s.tls_required = true;
    play_selecting(s, {greeted, R"(> OPEN ftp.example.org
< 530 TLS is required; send AUTH TLS before USER.
> USER anna@ftp.example.org
< 530 TLS is required; send AUTH TLS before USER.
)"});
}

TEST(RelayNamed, ARefusedServerIsRefusedAsAPassword) {
    play_selecting(proxy(), {greeted, R"(> USER anna@10.0.0.1
= find for anna@10.0.0.1 on 10.0.0.1
! no backend for this user
< 331 Send the password.
> PASS x
< 530 Login incorrect.
> PASS x
< 503 Send USER first.
)"});
}

TEST(RelayNamed, NoPasswordGoesToTheServerOfAnEarlierUser) {
    play_selecting(proxy(), {greeted, anna, R"(> USER bob
< 530 No server is named; send USER name@host or USER name@host:port.
> PASS secret
< 503 Send USER first.
> ACCT secret
< 503 Send USER first.
> USER bob@
< 501 The server is HOST, HOST:PORT or [IPV6]:PORT; send for example USER name@ftp.example.org.
> PASS secret
< 503 Send USER first.
> USER bob@10.0.0.1
= find for bob@10.0.0.1 on 10.0.0.1
! no backend for this user
< 331 Send the password.
> PASS secret
< 530 Login incorrect.
)"});
}

TEST(RelayNamed, TheSameUserStaysConnected) {
    play_selecting(proxy(), {greeted, R"(> USER anna@ftp.example.org
= find for anna@ftp.example.org on ftp.example.org
! backend 198.51.100.9:21
>> USER anna
<< 331 Password?
< 331 Password?
> PASS wrong
>> PASS wrong
<< 530 No.
< 530 No.
> USER anna@ftp.example.org
>> USER anna
<< 331 Password?
< 331 Password?
> USER anna@ftp.example.net
= find for anna@ftp.example.net on ftp.example.net
! backend 198.51.100.10:21
>> USER anna
<< 331 Password?
< 331 Password?
)"});
}

TEST(RelayNamed, ALostServerIsNotReplaced) {
    play_selecting(proxy(), {greeted, R"(> USER anna@ftp.example.org
= find for anna@ftp.example.org on ftp.example.org
! backend 198.51.100.9:21
>> USER anna
<< 331 Password?
< 331 Password?
! backend gone
< 421 The FTP server closed the connection; connect again.
= close
)"});
    play_selecting(proxy(), {greeted, R"(> USER anna@ftp.example.org
= find for anna@ftp.example.org on ftp.example.org
! no backend
< 421 All are down.
= close
)"});
}

TEST(RelayNamed, HostIsNotForTheNamedServer) {
    play_selecting(proxy(), {greeted, R"(> HOST proxy.example
< 220 Host accepted.
> OPTS UTF8 ON
< 200 UTF8 will be on.
> USER anna@ftp.example.org
= find for anna@ftp.example.org on ftp.example.org
! backend 198.51.100.9:21
>> OPTS UTF8 ON
<< 200 on
>> USER anna
<< 331 Password?
< 331 Password?
)"});
}

TEST(RelayNamed, ReadOnlyHoldsAndLetsAServerBeNamed) {
    auto s = proxy();
    s.policy = *command_policy::make({}, {}, true);
    play_selecting(s, {greeted, R"(> SITE ftp.example.org
< 220 Server noted; send USER and PASS.
> USER anna
= find for anna@ftp.example.org on ftp.example.org
! backend 198.51.100.9:21
>> USER anna
<< 230 In.
< 230 In.
> SITE CHMOD 600 f
< 550 Access is read-only.
> STOR f
< 550 Access is read-only.
)"});
}

TEST(RelayNamed, WithBackendsTooANameAloneIsForThem) {
    play_selecting(proxy(server_naming::allowed), {"< 220 FTP service ready.\n", R"(> HOST ftp.a.example
< 220 Host accepted.
> USER anna
= find for anna at ftp.a.example
! backend 172.16.3.9:21
>> HOST ftp.a.example
<< 220 Yes.
>> USER anna
<< 331 Password?
< 331 Password?
)",
                                                   anna});
}

TEST(RelayNamed, WithoutAForwardProxyAUserIsANameAlone) {
    play_selecting(usual(), {"< 220 FTP service ready.\n", R"(> OPEN ftp.example.org
< 500 Unknown command.
> SITE ftp.example.org
< 530 Log in with USER and PASS first.
> USER anna@example.org
= find for anna@example.org
! backend 172.16.3.9:21
>> USER anna@example.org
<< 331 Password?
< 331 Password?
)"});
}

TEST(RelayNamed, SitesOfWrongFormAreRefusedAlike) {
    play_selecting(proxy(), {greeted, R"(> OPEN
< 501 The server is HOST, HOST:PORT or [IPV6]:PORT; send for example USER name@ftp.example.org.
> OPEN ftp.example.org 0
< 501 The server is HOST, HOST:PORT or [IPV6]:PORT; send for example USER name@ftp.example.org.
> SITE HELP me
< 501 The server is HOST, HOST:PORT or [IPV6]:PORT; send for example USER name@ftp.example.org.
> HELP
< 214 Log in with USER name@host[:port] and PASS, or send OPEN host [port] or SITE host first.
)"});
}

TEST(RelayNamed, ACertificateNamesTheUserAtTheServer) {
    auto s = proxy();
    s.tls_active = true;
    s.certified.name = "anna";
    play_selecting(s, {greeted, R"(> USER bob@ftp.example.org
< 530 Your certificate is another user's.
> USER anna@ftp.example.org
= find for anna@ftp.example.org on ftp.example.org
! backend 198.51.100.9:21
>> USER anna
<< 331 Password?
< 331 Password?
)"});
    s.certified.replaces = true;
    play_selecting(s, {greeted, R"(> USER bob@ftp.example.org
= find for anna@ftp.example.org on ftp.example.org
! backend 198.51.100.9:21
>> USER anna
<< 331 Password?
< 331 Password?
)"});
}

}  // namespace
}  // namespace sallyport::proto
