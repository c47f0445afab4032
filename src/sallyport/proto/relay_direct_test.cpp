// Direct data connections: the client gets the backend's own address, or the backend the client's, if both can use it
// without TLS. All others are relayed (G7, solution 1).

#include <gtest/gtest.h>

#include <sallyport/proto/relay_test_script.hpp>

namespace sallyport::proto {
namespace {

using namespace relay_script;

[[nodiscard]] relay_settings direct(direct_data which) {
    auto s = usual();
    s.backend.refused = {};
    s.backend.direct = which;
    return s;
}

constexpr direct_data passive_data{.passive = true};
constexpr direct_data active_data{.active = true};

constexpr std::string_view own_address = R"(> PASV
>> PASV
<< 227 Entering Passive Mode (17,254,0,91,204,173).
< 227 Entering Passive Mode (17,254,0,91,204,173)
)";

constexpr std::string_view download = R"(> RETR f
>> RETR f
= direct: RETR
<< 150 Here it comes.
< 150 Here it comes.
<< 226 Done.
< 226 Done.
)";

TEST(RelayDirect, PassesTheBackendsOwnAddressG7) {
    play(direct(passive_data), {login, own_address, download, own_address, download}, [](const relay_driver& driver) {
        EXPECT_EQ(driver.count(relay_note::rewritten), 2U);
        EXPECT_EQ(driver.finished.size(), 2U);
    });
}

TEST(RelayDirect, AdvertisesTheExternalAddressOfTheSettingsG7) {
    play(direct({.passive = true, .external_address = at("17.254.0.92:0").address}), {login, R"(> PASV
>> PASV
<< 227 Entering Passive Mode (10,0,0,5,204,173).
< 227 Entering Passive Mode (17,254,0,92,204,173)
)",
                                                                                      download});
}

TEST(RelayDirect, RelaysIfTheAddressCannotBeReachedG4) {
    play(direct(passive_data), {login, passive, retrieving, R"(<< 226 Done.
! data complete
< 226 Done.
)"},
         [](const relay_driver& driver) { EXPECT_EQ(driver.count(relay_note::refused), 1U) << "it says why"; });
}

TEST(RelayDirect, RelaysTheSessionIfTheBackendHasNoUsablePasv) {
    constexpr std::string_view by_epsv = R"(>> EPSV
<< 229 (|||6446|)
= reserve
! port 17.254.0.91:52397
< 227 Entering Passive Mode (17,254,0,91,204,173)
)";
    play(direct(passive_data), {login, "> PASV\n>> PASV\n<< 200 ok\n", by_epsv, "> PASV\n= release\n", by_epsv});
}

TEST(RelayDirect, RefusesEpsvWhichCannotNameTheBackend) {
    play(direct(passive_data), {login, R"(> EPSV
< 502 EPSV cannot name the FTP server's address; use PASV.
)",
                                own_address, download});
}

TEST(RelayDirect, RelaysAfterEpsvAll) {
    play(direct(passive_data), {login, R"(> EPSV ALL
< 200 Only EPSV will be accepted from now on.
> EPSV
>> EPSV
<< 229 Entering Extended Passive Mode (|||52397|)
= reserve extended
! port 17.254.0.91:52397
< 229 Entering Extended Passive Mode (|||52397|)
)",
                                retrieving, R"(! data complete
<< 226 Done.
< 226 Done.
)"});
}

TEST(RelayDirect, RelaysUnderTlsG10) {
    auto s = direct(passive_data);
    s.tls_available = true;
    s.backend.refused.insert(data_method::epsv);
    play(s, {auth, login_only, protect, passive, R"(> RETR f
>> RETR f
= open RETR down listen tls, connect 172.16.3.4:52397
<< 226 Nothing in it.
! data complete
< 226 Nothing in it.
)"});
}

TEST(RelayDirect, RelaysToATargetWithProtectedDataG10) {
    auto s = direct(active_data);
    s.tls_available = true;
    s.backend.refused.insert(data_method::epsv);
    play(s, {auth, login_only, protect, R"(> PORT 198,51,100,7,200,1
>> PASV
<< 227 Entering Passive Mode (172,16,3,4,204,173)
< 200 PORT command successful.
> RETR f
>> RETR f
= open RETR down connect 198.51.100.7:51201 tls, connect 172.16.3.4:52397
)"});
}

// The client asked for no protection, and the backend's data have it all the same.
TEST(RelayDirect, RelaysProtectedDataOfTheBackendG10) {
    constexpr std::string_view backend_protected = ">> PBSZ 0\n>> PROT P\n<< 200 ok\n<< 200 ok\n";
    auto s = direct({.passive = true, .active = true});
    s.backend.protect = true;
    s.backend.refused.insert(data_method::epsv);
    play(s, {login, backend_protected, passive, R"(> RETR f
>> RETR f
= open RETR down listen, connect 172.16.3.4:52397 tls
)"});
    play(s, {login, backend_protected, R"(> PORT 198,51,100,7,200,1
>> PASV
<< 227 Entering Passive Mode (172,16,3,4,204,173)
< 200 PORT command successful.
)"});
}

TEST(RelayDirect, NegotiatesAgainAfterProt) {
    auto s = direct(passive_data);
    s.tls_available = true;
    play(s, {auth, login_only, own_address, protect, R"(> RETR f
< 425 PROT was sent after the data connection was negotiated; send PASV or PORT again.
)"});
}

TEST(RelayDirect, SendsAnotherMethodIfPasvIsUnknown) {
    play(direct(passive_data), {login, R"(> PASV
>> PASV
<< 502 No.
>> EPSV
<< 229 Entering Extended Passive Mode (|||52397|)
= reserve
! port 17.254.0.91:52397
< 227 Entering Passive Mode (17,254,0,91,204,173)
)",
                                retrieving, R"(! data complete
<< 226 Done.
< 226 Done.
)"});
}

TEST(RelayDirect, GivesTheClientsAddressToTheBackendG7) {
    play(direct(active_data), {login, R"(> PORT 198,51,100,7,7,138
>> PORT 198,51,100,7,7,138
<< 200 Fine.
< 200 PORT command successful.
> STOR f
>> STOR f
= direct: STOR
<< 150 Connecting.
< 150 Connecting.
<< 426 Cut.
< 426 Cut.
> EPRT |1|198.51.100.7|5001|
>> EPRT |1|198.51.100.7|5001|
<< 200 Fine.
< 200 EPRT command successful.
)"});
}

TEST(RelayDirect, RelaysIfTheBackendRefusesTheAddressAndDoesNotTryAgain) {
    constexpr std::string_view relayed = R"(>> EPSV
<< 229 Entering Extended Passive Mode (|||52397|)
< 200 PORT command successful.
)";
    play(direct(active_data),
         {login, R"(> PORT 198,51,100,7,7,138
>> PORT 198,51,100,7,7,138
<< 500 Illegal PORT command.
)",
          relayed, R"(> PORT 198,51,100,7,7,139
= release
)",
          relayed},
         [](const relay_driver& driver) {
             EXPECT_FALSE(driver.machine.backend().server().refused.contains(data_method::port))
                 << "its own PORT may be welcome";
         });
}

TEST(RelayDirect, AbortIsForwarded) {
    play(direct(passive_data), {login, own_address, R"(> RETR f
>> RETR f
= direct: RETR
<< 150 Here it comes.
< 150 Here it comes.
> ABOR
>> ABOR
<< 426 Aborted.
< 426 Aborted.
<< 226 Closing.
< 226 Closing.
)"});
}

TEST(RelayDirect, LostBackendEndsTheTransfer) {
    play(direct(passive_data), {login, own_address, R"(> RETR f
>> RETR f
= direct: RETR
! backend gone
= release
= close
< 426 Transfer aborted: connection to the FTP server lost.
< 421 The FTP server closed the connection; connect again.
)"});
}

TEST(RelayDirect, OnlyToTheClientsOwnAddressDC01) {
    play(direct(active_data), {login, R"(> PORT 203,0,113,9,7,138
< 504 The address must be your own and the port 1024 or higher.
)"});
}

}  // namespace
}  // namespace sallyport::proto
