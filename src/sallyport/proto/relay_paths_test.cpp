// What the client doesn't read: addresses of the backend leg. What records read: paths.

#include <sallyport/proto/relay_machine.hpp>

#include <gtest/gtest.h>

#include <sallyport/proto/relay_test_script.hpp>

namespace sallyport::proto {
namespace {

using namespace relay_script;

[[nodiscard]] relay_settings inside() {
    auto s = usual();
    s.backend.gateway = *ip_address::parse("172.16.3.1");
    s.client_destination = *ip_address::parse("17.254.0.91");
    return s;
}

// A download, up to the backend's 150.
constexpr auto retrieve = R"(! connection to come
> RETR f
>> RETR f
= open RETR down listen, connect 172.16.3.4:52397
<< 150 Here it comes.
= confirm
)";

// ---- 150

TEST(RelayPaths, Sends150WhenBothConnectionsAreEstablished) {
    play(usual(), {login, passive, retrieve, R"(! connected
< 150 Here it comes.
<< 226 Done.
! data complete
< 226 Done.
)"});
}

TEST(RelayPaths, Sends150WhicheverIsFirst) {
    play(usual(), {login, passive, R"(! connection to come
> STOR f
>> STOR f
= open STOR up listen, connect 172.16.3.4:52397
! connected
<< 150 Go on.
= confirm
< 150 Go on.
! data complete
<< 226 Done.
< 226 Done.
)"});
}

TEST(RelayPaths, SendsNo150IfTheClientsConnectionFails) {
    play(usual(), {login, R"(! connection to come
> PORT 198,51,100,7,7,138
>> PASV
<< 227 Entering Passive Mode (172,16,3,4,204,173)
< 200 PORT command successful.
> RETR f
>> RETR f
= open RETR down connect 198.51.100.7:1930, connect 172.16.3.4:52397
<< 150 Data connection accepted from 172.16.3.1:4242; transfer starting.
= confirm
! data client_timeout connection refused
< 425 No data connection: connection refused
<< 426 Failure.
)"});
}

TEST(RelayPaths, SendsNo150AfterARefusal) {
    play(usual(), {login, passive, retrieve, R"(<< 550 It is gone.
= release
< 550 It is gone.
)"});
}

// ---- Addresses

TEST(RelayPaths, NamesNoAddressOfTheBackendLeg_GW03) {
    play(inside(), {login, passive, R"(> RETR f
>> RETR f
= open RETR down listen, connect 172.16.3.4:52397
<< 150 Data connection accepted from 172.16.3.1:4242; transfer starting (5 bytes).
= confirm
< 150 Data connection accepted from 198.51.100.7:40001; transfer starting (5 bytes).
! data backend_failed reading from 172.16.3.4:52397: reset
<< 226 Done.
< 426 Transfer aborted: reading from the server: reset
> SYST
>> SYST
<< 215 UNIX at 172.16.3.4
< 215 UNIX at the server
> STAT
>> STAT
<< 211 Connected to ::ffff:172.16.3.1
< 211 Connected to 198.51.100.7
> STAT 172.16.3.4
>> STAT 172.16.3.4
<< 213-Status follows
<<  172.16.3.4
<< 213 End
< 213-Status follows
<  172.16.3.4
< 213 End
> PWD
>> PWD
<< 257 "172.16.3.4"
< 257 "172.16.3.4"
<< 421 172.16.3.4 stops.
< 421 the server stops.
= close
)"});
}

TEST(RelayPaths, TheGreetingHasNoBackendAddress) {
    for (const bool bytewise : {false, true}) {
        relay_driver driver(relay_machine(inside(), reply{220, {"ProFTPD Server [::ffff:172.16.3.4]"}}), bytewise);
        EXPECT_EQ(driver.to_client, std::deque<std::string>{"220 ProFTPD Server [the server]"});
    }
}

TEST(RelayPaths, AdvertisesAnyAddressOfItsOwn) {
    auto s = inside();
    s.client_destination = {};
    play(s, {login, R"(> PASV
>> PASV
<< 227 Entering Passive Mode (172,16,3,4,204,173)
= reserve
! port 172.16.3.1:52397
< 227 Entering Passive Mode (172,16,3,1,204,173)
)"});
}

// ---- The client has ended its direction

TEST(RelayPaths, HandlesAllCommandsOfAHalfClosedClient) {
    play(usual(), {login, passive, R"(> RETR f
>> RETR f
= open RETR down listen, connect 172.16.3.4:52397
> DELE f
> PWD
! input ended
<< 150 Here it comes.
= confirm
< 150 Here it comes.
! data complete
<< 226 Done.
< 226 Done.
>> DELE f
>> PWD
<< 250 Gone.
< 250 Gone.
<< 257 "/"
< 257 "/"
< 221 Goodbye.
>> QUIT
= close
)"});
}

TEST(RelayPaths, ForwardsTheClientsQuit) {
    play(usual(), {login, R"(> NOOP
> QUIT
>> NOOP
! input ended
<< 200 Ok.
< 200 Ok.
>> QUIT
<< 221 Goodbye, then.
< 221 Goodbye, then.
= close
)"});
}

TEST(RelayPaths, DropsALineWithoutItsEnd) {
    for (const bool bytewise : {false, true}) {
        relay_driver driver(usual(), bytewise);
        driver.play(login);
        driver.client("DELE fi");
        driver.play("! input ended\n< 221 Goodbye.\n>> QUIT\n= close\n");
        driver.expect_nothing_left();
    }
}

TEST(RelayPaths, Sends221WithoutABackend) {
    play_selecting(usual(), {R"(< 220 FTP service ready.
> NOOP
< 200 OK.
! input ended
< 221 Goodbye.
= close
)"});
}

// ---- Records

[[nodiscard]] relay_settings recording() {
    auto s = usual();
    s.query_directory = true;
    return s;
}

TEST(RelayPaths, QueriesTheDirectoryOnce) {
    for (const bool bytewise : {false, true}) {
        relay_driver driver(recording(), bytewise);
        std::vector<path_change> changes;
        driver.machine.set_path_change_handler([&](const path_change& c) { changes.push_back(c); });
        driver.play(login);
        driver.play(R"(> CWD in
>> PWD
>> CWD in
<< 257 "/users/bob"
<< 250 Ok.
< 250 Ok.
> DELE f
>> DELE f
<< 250 Gone.
< 250 Gone.
> RNFR a
>> RNFR a
<< 350 Go on.
< 350 Go on.
> RNTO /b
>> RNTO /b
<< 250 Renamed.
< 250 Renamed.
)");
        driver.expect_nothing_left();
        ASSERT_EQ(changes.size(), 2U);
        EXPECT_EQ(changes[0].path, "/users/bob/in/f");
        EXPECT_EQ(changes[0].cwd, "/users/bob/in");
        EXPECT_EQ(changes[1].from, "/users/bob/in/a");
        EXPECT_EQ(changes[1].path, "/b");
    }
}

// With TLS on one leg only, the client's reply has other bytes than the backend's.
TEST(RelayPaths, RecordsTheBytesOfNamesWithoutThoseOfTelnet_IN02) {
    for (const bool backend_tls : {false, true}) {
        for (const bool client_tls : {false, true}) {
            auto settings = recording();
            settings.backend.protect = backend_tls;
            settings.tls_active = client_tls;
            relay_driver driver(settings, false);
            driver.play(login);
            std::vector<path_change> changes;
            driver.machine.set_path_change_handler([&](const path_change& c) { changes.push_back(c); });
            const std::string name = "/d\xff";
            const std::string of_backend = backend_tls ? name : name + '\xff';
            // To PBSZ and PROT.
            if (backend_tls) driver.backend("200 Ok.\r\n200 Ok.\r\n");
            driver.client("PWD\r\n");
            driver.backend("257 \"" + of_backend + "\"\r\n");
            ASSERT_FALSE(driver.to_client.empty());
            EXPECT_EQ(driver.to_client.back(), "257 \"" + (client_tls ? name : name + '\xff') + '"');
            driver.client("DELE f\r\n");
            driver.backend("250 Gone.\r\n");
            ASSERT_EQ(changes.size(), 1U);
            EXPECT_EQ(changes[0].path, name + "/f");
        }
    }
}

TEST(RelayPaths, DoesNotQueryAgainAfterARefusal) {
    play(recording(), {login, R"(> PASV
>> PWD
>> PASV
<< 502 What?
<< 227 Entering Passive Mode (172,16,3,4,204,173)
= reserve
! port 17.254.0.91:52397
< 227 Entering Passive Mode (17,254,0,91,204,173)
> CWD a
>> CWD a
<< 250 Ok.
< 250 Ok.
)"});
}

TEST(RelayPaths, LearnsFromTheClientsPwd) {
    play(recording(), {login, R"(> PWD
>> PWD
<< 257 "/" is the current directory.
< 257 "/" is the current directory.
> MKD d
>> MKD d
<< 257 "/d" made.
< 257 "/d" made.
)"});
}

}  // namespace
}  // namespace sallyport::proto
