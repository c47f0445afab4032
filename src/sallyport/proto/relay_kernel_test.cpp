// Data that the kernel leads: allowed by the machine where no byte has to be read, and then over by the backend's word alone
// (DESIGN.md decision 3).

#include <gtest/gtest.h>

#include <sallyport/proto/relay_test_script.hpp>

namespace sallyport::proto {
namespace {

using namespace relay_script;

[[nodiscard]] relay_settings forwarding(relay_settings s = usual()) {
    s.paths.kernel = kernel_forwarding::available;
    return s;
}

constexpr std::string_view forwarded = R"(> PASV
>> PASV
<< 227 Entering Passive Mode (172,16,3,4,204,173)
= reserve
! forwarded port 17.254.0.91:51000
< 227 Entering Passive Mode (17,254,0,91,199,56)
)";

constexpr std::string_view download = R"(> RETR f
>> RETR f
= kernel: RETR
<< 150 Here it comes.
< 150 Here it comes.
<< 226 Done.
< 226 Done.
)";

TEST(RelayKernel, ForwardsToTheBackendsPortG4) {
    play(forwarding(), {login, forwarded, download, forwarded, download}, [](const relay_driver& driver) {
        EXPECT_EQ(driver.reserved_to, at("172.16.3.4:52397"));
        EXPECT_EQ(driver.finished.size(), 2U);
        const auto logged = std::ranges::find(driver.notes, relay_note::rewritten, [](const auto& n) { return n.first; });
        ASSERT_NE(logged, driver.notes.end());
        EXPECT_EQ(logged->second,
                  "Data connection: client PASV 17.254.0.91:51000, backend PASV 172.16.3.4:52397, path kernel");
    });
}

TEST(RelayKernel, ForwardsAfterEpsvToo) {
    auto s = forwarding();
    s.backend.refused = {};
    play(s, {login, R"(> EPSV
>> EPSV
<< 229 Entering Extended Passive Mode (|||52397|)
= reserve extended
! forwarded port 17.254.0.91:51000
< 229 Entering Extended Passive Mode (|||51000|)
)",
             download});
}

TEST(RelayKernel, RelaysIfTheKernelCannotForward) {
    play(forwarding(), {login, passive, retrieving, R"(<< 226 Done.
! data complete
< 226 Done.
)"},
         [](const relay_driver& driver) {
             EXPECT_TRUE(driver.reserved_to);
             EXPECT_EQ(driver.chosen, (data_path_choice{data_path::relay, data_path_reason::kernel_refused}));
             const auto logged =
                 std::ranges::find(driver.notes, relay_note::rewritten, [](const auto& n) { return n.first; });
             ASSERT_NE(logged, driver.notes.end());
             EXPECT_EQ(
                 logged->second,
                 "Data connection: client PASV 17.254.0.91:52397, backend PASV 172.16.3.4:52397, path relay: the kernel did "
                 "not accept the forwarding rule");
         });
}

TEST(RelayKernel, NamesTheReasonForRelaying) {
    const auto reason_with = [](auto&& change) {
        auto s = forwarding();
        change(s);
        auto reason = data_path_reason::kernel_enabled;
        play(s, {login, passive, retrieving, "<< 226 Done.\n! data complete\n< 226 Done.\n"},
             [&](const relay_driver& driver) {
                 EXPECT_FALSE(driver.reserved_to);
                 reason = driver.chosen.value_or(data_path_choice{data_path::kernel, reason}).reason;
             });
        return reason;
    };
    using enum data_path_reason;
    EXPECT_EQ(reason_with([](auto& s) { s.paths.kernel = kernel_forwarding::disabled; }), nothing_else_enabled);
    EXPECT_EQ(reason_with([](auto& s) { s.paths.kernel = kernel_forwarding::unavailable; }), kernel_unavailable);
    EXPECT_EQ(reason_with([](auto& s) { s.paths.rate_limited = true; }), rate_limit);
    EXPECT_EQ(reason_with([](auto& s) { s.paths.single_port = true; }), single_port);
    EXPECT_EQ(reason_with([](auto& s) { s.paths.proxy_headers = true; }), proxy_headers);
    EXPECT_EQ(reason_with([](auto& s) { s.backend.proxy_headers = true; }), proxy_headers);
}

TEST(RelayKernel, RelaysWhatIsEncrypted) {
    play(forwarding(with_tls()), {auth, login_only, protect, passive},
         [](const relay_driver& driver) { EXPECT_FALSE(driver.reserved_to); });

    auto required = forwarding(with_tls());
    required.tls_required = true;
    play(required, {auth, login_only, passive}, [](const relay_driver& driver) { EXPECT_FALSE(driver.reserved_to); });
}

constexpr std::string_view active = R"(> PORT 198,51,100,7,156,65
= reserve for backend
! port 172.16.3.1:40000
>> PORT 172,16,3,1,156,64
)";
constexpr std::string_view opened = R"(<< 200 Good.
= open port
! opened
< 200 PORT command successful.
)";

[[nodiscard]] relay_settings forwarding_both_ways() {
    auto s = forwarding();
    s.data_mode = backend_data_mode::match;
    return s;
}

// After the client's PORT, if the backend is not to connect.
constexpr std::string_view passive_instead = R"(= release
>> PASV
<< 227 Entering Passive Mode (172,16,3,4,204,173)
< 200 PORT command successful.
> RETR f
>> RETR f
= open RETR down connect 198.51.100.7:40001, connect 172.16.3.4:52397
<< 150 Here it comes.
= confirm
< 150 Here it comes.
<< 226 Done.
! data complete
< 226 Done.
)";

// The opening is made between the backend's 200 and the client's.
TEST(RelayKernel, ForwardsTheBackendToTheClientG3) {
    play(forwarding_both_ways(), {login, active, opened, download}, [](const relay_driver& driver) {
        EXPECT_EQ(driver.reserved_to, at("198.51.100.7:40001"));
        EXPECT_EQ(driver.chosen, (data_path_choice{data_path::kernel, data_path_reason::kernel_enabled}));
    });
}

// The script ends at a step that opens nothing.
TEST(RelayKernel, OpensNothingBeforeTheBackendsReply_G3) {
    play(forwarding_both_ways(), {login, active, "! expire Bye.\n= release\n< 421 Bye.\n= close\n"});
}

TEST(RelayKernel, RelaysIfThePortIsOpenedByTheGatewayAlone) {
    play(forwarding_both_ways(), {login, active, R"(<< 200 Good.
= open port
! not opened, accepted here
< 200 PORT command successful.
> RETR f
>> RETR f
= open RETR down connect 198.51.100.7:40001, listen
<< 150 Here it comes.
= confirm
< 150 Here it comes.
<< 226 Done.
! data complete
< 226 Done.
)"},
         [](const relay_driver& driver) {
             EXPECT_EQ(driver.chosen, (data_path_choice{data_path::relay, data_path_reason::kernel_refused}));
         });
}

// The backend connects to nothing: it is sent a passive method, which takes the place of PORT.
TEST(RelayKernel, ConnectsToTheBackendIfNoOpeningIsPossible) {
    play(forwarding_both_ways(), {login, active, R"(<< 200 Good.
= open port
! not opened
)",
                                  passive_instead});
}

TEST(RelayKernel, Replies425IfNoOpeningIsPossible) {
    auto s = forwarding();
    s.data_mode = backend_data_mode::port;
    play(s, {login, active, R"(<< 200 Good.
= open port
! not opened
= release
< 425 No data connection can be forwarded now; try again later.
> RETR f
< 425 Send EPSV, PASV, EPRT or PORT first.
)",
             active, opened, download});
}

// Its port is released, and what the driver reports late changes nothing.
TEST(RelayKernel, TheSessionMayEndDuringTheOpening) {
    play(forwarding_both_ways(), {login, active, R"(<< 200 Good.
= open port
! expire Bye.
< 421 Bye.
= release
= close
! opened
= close
)"});
}

TEST(RelayKernel, SendsTheNextMethodForTheSamePort) {
    play(forwarding_both_ways(), {login, R"(> EPRT |1|198.51.100.7|40001|
= reserve for backend extended
! port 172.16.3.1:40000
>> EPRT |1|172.16.3.1|40000|
<< 500 What?
>> PORT 172,16,3,1,156,64
<< 200 Good.
= open port
! opened
< 200 EPRT command successful.
)",
                                  download});
}

TEST(RelayKernel, OpensNothingIfTheBackendRefusesToConnect) {
    play(forwarding_both_ways(), {login, active, R"(<< 500 What?
>> EPRT |1|172.16.3.1|40000|
<< 500 What?
)",
                                  passive_instead});
}

TEST(RelayKernel, RelaysIfBothPeersConnect) {
    auto s = forwarding();
    s.data_mode = backend_data_mode::port;
    play(s, {login, R"(> PASV
= reserve for backend
! port 172.16.3.1:40000
>> PORT 172,16,3,1,156,64
<< 200 Good.
= reserve
! port 17.254.0.91:52397
< 227 Entering Passive Mode (17,254,0,91,204,173)
)"},
         [](const relay_driver& driver) { EXPECT_FALSE(driver.reserved_to); });
}

// What was opened in the clear is of no use for what is to be encrypted.
TEST(RelayKernel, RefusesPlainDataAfterProtP) {
    play(forwarding(with_tls()), {auth, login_only, forwarded, protect, R"(> RETR f
< 425 PROT was sent after the data connection was negotiated; send PASV or PORT again.
> PASV
= release
>> PASV
<< 227 Entering Passive Mode (172,16,3,4,204,173)
= reserve
! port 17.254.0.91:52397
< 227 Entering Passive Mode (17,254,0,91,204,173)
)"});
}

TEST(RelayKernel, ANewNegotiationCancelsTheOldOneG2) {
    play(forwarding(), {login, forwarded, R"(> PASV
= release
>> PASV
<< 227 Entering Passive Mode (172,16,3,4,204,173)
= reserve
! forwarded port 17.254.0.91:51000
< 227 Entering Passive Mode (17,254,0,91,199,56)
)",
                        download});
}

TEST(RelayKernel, ReleasesAPortThatPasvCannotName) {
    play(forwarding(), {login, R"(> PASV
>> PASV
<< 227 Entering Passive Mode (172,16,3,4,204,173)
= reserve
! forwarded port [2001:db8::1]:51000
= release
< 425 PASV cannot name an IPv6 address; use EPSV.
)"});
}

// Only the backend knows what became of it.
TEST(RelayKernel, ForwardsTheBackendsRefusalsAndFailures) {
    play(forwarding(), {login, forwarded, R"(> RETR f
>> RETR f
= kernel: RETR
<< 550 No such file.
< 550 No such file.
)",
                        forwarded, R"(> STOR f
>> STOR f
= kernel: STOR
<< 150 Go on.
< 150 Go on.
<< 426 Cut.
< 426 Cut.
)"});
}

// A forward chain drops the connection: neither end learns of it, and the backend would wait for long.
TEST(RelayKernel, Replies425IfNoConnectionWasEstablished) {
    // It was the client that had to connect, so the backend is asked for the same mode again.
    for (const auto& settings : {forwarding(), forwarding_both_ways()})
        play(settings, {login, forwarded, R"(> RETR f
>> RETR f
= kernel: RETR
<< 150 Here it comes.
< 150 Here it comes.
! data not_established No data connection was established within 30 s.
< 425 No data connection was established within 30 s.
>> ABOR
<< 426 Gave up.
<< 226 Aborted.
)",
                        forwarded, download});
}

// Nothing on the way of the gateway's own connection is asked to let the server's in: a firewall before the server may drop
// what it sends by itself.
TEST(RelayKernel, ConnectsToABackendWhoseConnectionFailed_G8) {
    constexpr std::string_view fails = R"(> RETR f
>> RETR f
= kernel: RETR
<< 425 Cannot connect.
< 425 Cannot connect.
)";
    constexpr std::string_view passive_now = R"(> PORT 198,51,100,7,156,65
>> PASV
<< 227 Entering Passive Mode (172,16,3,4,204,173)
< 200 PORT command successful.
)";
    constexpr std::string_view relayed = R"(> RETR f
>> RETR f
= open RETR down connect 198.51.100.7:40001, connect 172.16.3.4:52397
<< 150 Here it comes.
= confirm
< 150 Here it comes.
<< 226 Done.
! data complete
< 226 Done.
)";
    play(forwarding_both_ways(), {login, active, opened, fails, passive_now, relayed, passive_now, relayed},
         [](const relay_driver& driver) {
             EXPECT_EQ(driver.chosen, (data_path_choice{data_path::relay, data_path_reason::different_modes}));
         });
    // That one fails too: both are tried by turns.
    play(forwarding_both_ways(), {login, active, opened, fails, passive_now, R"(> RETR f
>> RETR f
= open RETR down connect 198.51.100.7:40001, connect 172.16.3.4:52397
! data backend_connect_failed timeout
<< 425 Timeout.
< 425 Timeout.
)",
                                  active, opened, download});
    // Other replies are about the file.
    play(forwarding_both_ways(), {login, active, opened, R"(> RETR f
>> RETR f
= kernel: RETR
<< 550 No such file.
< 550 No such file.
)",
                                  active, opened, download});
}

// An earlier session of the client has found out.
TEST(RelayKernel, ConnectsToABackendThatCouldNotConnectBefore_G8) {
    auto s = forwarding_both_ways();
    s.backend.failed = data_method::port;
    play(s, {login, R"(> PORT 198,51,100,7,156,65
>> PASV
<< 227 Entering Passive Mode (172,16,3,4,204,173)
< 200 PORT command successful.
)"},
         [](const relay_driver& driver) { EXPECT_FALSE(driver.reserved_to); });
    play(s, {login, forwarded, download}, [](const relay_driver& driver) {
        EXPECT_EQ(driver.chosen, (data_path_choice{data_path::kernel, data_path_reason::kernel_enabled}));
    });
}

// The backend's word was quicker, or the client has given it up itself.
TEST(RelayKernel, ThatReplyIsTheOnlyOne) {
    play(forwarding(), {login, forwarded, download, R"(! data not_established too late
)",
                        forwarded, R"(> RETR f
>> RETR f
= kernel: RETR
> ABOR
>> ABOR
! data not_established too late
<< 426 Cut.
< 426 Cut.
<< 226 Aborted.
< 226 Aborted.
)"});
}

TEST(RelayKernel, AbortIsForwarded) {
    play(forwarding(), {login, forwarded, R"(> RETR f
>> RETR f
= kernel: RETR
<< 150 Here it comes.
< 150 Here it comes.
> ABOR
>> ABOR
<< 426 Cut.
< 426 Cut.
<< 226 Aborted.
< 226 Aborted.
)"});
}

}  // namespace
}  // namespace sallyport::proto
