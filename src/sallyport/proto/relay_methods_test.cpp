// The method of each leg, chosen apart: every pair, what follows a refusal, and what is learned from it (G8).

#include <sallyport/proto/relay_methods.hpp>

#include <gtest/gtest.h>

#include <array>

#include <sallyport/proto/relay_test_script.hpp>

namespace sallyport::proto {
namespace {

using namespace relay_script;
using enum data_method;

constexpr std::array all_methods{epsv, pasv, eprt, port};

[[nodiscard]] method_set set_of(std::initializer_list<data_method> methods) {
    method_set out;
    for (const auto m : methods) out.insert(m);
    return out;
}

[[nodiscard]] relay_settings with_mode(backend_data_mode policy, std::string_view backend = "172.16.3.4:21") {
    auto s = usual();
    s.backend.peer = at(backend);
    s.data_mode = policy;
    s.backend.refused = {};
    return s;
}

// ---- The order

TEST(RelayMethods, OrdersTheMethodsForTheBackend) {
    using methods = std::vector<data_method>;
    struct row {
        std::string_view policy;
        data_method asked;
        bool ipv6;
        method_set refused;
        methods expected;
    };
    for (const auto& [policy, asked, ipv6, refused, expected] : std::vector<row>{
             {"match", epsv, false, {}, {epsv, pasv}},
             {"match", pasv, false, {}, {pasv, epsv}},
             {"match", eprt, false, {}, {eprt, port, epsv, pasv}},
             {"match", port, false, {}, {port, eprt, epsv, pasv}},
             {"match", pasv, true, {}, {epsv}},
             {"match", port, true, {}, {eprt, epsv}},
             {"passive", port, false, {}, {epsv, pasv}},
             {"passive", port, false, set_of({epsv}), {pasv}},
             {"passive", port, false, set_of({epsv, pasv}), {pasv}},
             {"active", pasv, false, {}, {eprt, port, epsv, pasv}},
             {"active", pasv, false, set_of({port, epsv}), {eprt, pasv}},
             {"active", pasv, true, set_of({eprt}), {epsv}},
             {"epsv", port, true, set_of({epsv}), {epsv}},
             {"pasv", epsv, false, {}, {pasv}},
             {"pasv", epsv, true, {}, {}},
             {"eprt", epsv, true, {}, {eprt}},
             {"port", epsv, false, set_of({port}), {port}},
             {"port", epsv, true, {}, {}},
         }) {
        SCOPED_TRACE(std::string(policy) + ' ' + std::string(name(asked)));
        const auto known = parse_backend_data_mode(policy);
        ASSERT_TRUE(known);
        EXPECT_EQ(backend_methods(*known, asked, ipv6, refused), expected);
    }
    EXPECT_FALSE(parse_backend_data_mode("PASV "));
}

TEST(RelayMethods, UseTheOtherModeAfterOneHasFailed_G8) {
    using methods = std::vector<data_method>;
    using mode = backend_data_mode;
    const methods passive_ones{epsv, pasv};
    const methods active_first{eprt, port, epsv, pasv};
    EXPECT_EQ(backend_methods(mode::match, port, false, {}, port), passive_ones);
    EXPECT_EQ(backend_methods(mode::match, port, false, {}, epsv), (methods{port, eprt, epsv, pasv})) << "the client's";
    EXPECT_EQ(backend_methods(mode::match, pasv, false, {}, eprt), (methods{pasv, epsv})) << "the client's";
    EXPECT_EQ(backend_methods(mode::match, pasv, false, {}, pasv), active_first);
    EXPECT_EQ(backend_methods(mode::active, pasv, false, {}, eprt), passive_ones);
    EXPECT_EQ(backend_methods(mode::passive, pasv, false, {}, epsv), passive_ones) << "it is set";
    EXPECT_EQ(backend_methods(mode::port, pasv, false, {}, port), methods{port});
}

// ---- Every pair

struct side {
    std::string script;  // of the negotiation
    std::string leg;     // as it is in the plan
};

[[nodiscard]] side backend_side(data_method m) {
    switch (m) {
        case epsv: return {">> EPSV\n<< 229 Extended (|||6446|)\n", "connect 172.16.3.4:6446"};
        case pasv: return {">> PASV\n<< 227 Passive (10,9,9,9,25,46)\n", "connect 172.16.3.4:6446"};
        case eprt:
            return {"= reserve for backend extended\n! port 172.16.0.1:50001\n>> EPRT |1|172.16.0.1|50001|\n<< 200 ok\n",
                    "listen"};
        case port: break;
    }
    return {"= reserve for backend\n! port 172.16.0.1:50001\n>> PORT 172,16,0,1,195,81\n<< 200 ok\n", "listen"};
}

struct client_side {
    std::string asks;
    std::string receives;
    std::string leg;
};

[[nodiscard]] client_side client_leg(data_method m) {
    switch (m) {
        case epsv:
            return {"> EPSV\n",
                    "= reserve extended\n! port 17.254.0.91:52397\n< 229 Entering Extended Passive Mode (|||52397|)\n",
                    "listen"};
        case pasv:
            return {"> PASV\n", "= reserve\n! port 17.254.0.91:52397\n< 227 Entering Passive Mode (17,254,0,91,204,173)\n",
                    "listen"};
        case eprt:
            return {"> EPRT |1|198.51.100.7|1930|\n", "< 200 EPRT command successful.\n", "connect 198.51.100.7:1930"};
        case port: break;
    }
    return {"> PORT 198,51,100,7,7,138\n", "< 200 PORT command successful.\n", "connect 198.51.100.7:1930"};
}

TEST(RelayMethods, JoinsEveryPairOfMethods_G8) {
    const std::array exactly{backend_data_mode::epsv, backend_data_mode::pasv, backend_data_mode::eprt,
                             backend_data_mode::port};
    for (const auto client_method : all_methods) {
        for (std::size_t i = 0; i < all_methods.size(); ++i) {
            SCOPED_TRACE(std::string(name(client_method)) + " on the client leg, " + std::string(name(all_methods[i])) +
                         " on the backend leg");
            const auto client = client_leg(client_method);
            const auto backend = backend_side(all_methods[i]);
            const auto moving = "> STOR f\n>> STOR f\n= open STOR up " + client.leg + ", " + backend.leg +
                                "\n<< 150 go\n= confirm\n< 150 go\n! data complete\n<< 226 done\n< 226 done\n";
            play(with_mode(exactly.at(i)), {login, client.asks, backend.script, client.receives, moving, client.asks,
                                            backend.script, client.receives});
        }
    }
}

TEST(RelayMethods, SendsTheClientsMethod) {
    for (const auto method : all_methods) {
        SCOPED_TRACE(name(method));
        const auto client = client_leg(method);
        play(with_mode(backend_data_mode::match), {login, client.asks, backend_side(method).script, client.receives});
    }
}

TEST(RelayMethods, JoinsIpv4AndIpv6Legs) {
    play(with_mode(backend_data_mode::match, "[2001:db8::5]:21"), {login, R"(> PORT 198,51,100,7,7,138
= reserve for backend extended
! port [2001:db8::1]:50001
>> EPRT |2|2001:db8::1|50001|
<< 200 ok
< 200 PORT command successful.
> PASV
= release
>> EPSV
<< 229 Extended (|||6446|)
= reserve
! port 17.254.0.91:6000
< 227 Entering Passive Mode (17,254,0,91,23,112)
> LIST
>> LIST
= open LIST down listen, connect [2001:db8::5]:6446
<< 226 Empty.
)"});
    auto s = with_mode(backend_data_mode::port);
    s.client_peer = at("[2001:db8::7]:40000");
    play(s, {login, R"(> EPRT |2|2001:db8::7|5000|
= reserve for backend
! port 172.16.0.1:50001
>> PORT 172,16,0,1,195,81
<< 200 ok
< 200 EPRT command successful.
> PASV
= release
= reserve for backend
! port 172.16.0.1:50001
>> PORT 172,16,0,1,195,81
<< 200 ok
= reserve
! port [2001:db8::1]:6000
= release
< 425 PASV cannot name an IPv6 address; use EPSV.
> LIST
< 425 Send EPSV, PASV, EPRT or PORT first.
)"});
    play(with_mode(backend_data_mode::port, "[2001:db8::5]:21"),
         {login,
          "> EPSV\n< 425 No data method is left: the FTP server has an IPv6 address, which PASV and PORT cannot name.\n"});
}

// ---- Refusals

TEST(RelayMethods, FallsBackFromActiveToPassiveForTheSession) {
    constexpr std::string_view second = R"(> EPSV
= release
>> PASV
<< 227 (172,16,3,4,25,46)
= reserve extended
! port 17.254.0.91:6001
< 229 Entering Extended Passive Mode (|||6001|)
)";
    play(with_mode(backend_data_mode::active),
         {login, R"(> EPSV
= reserve for backend extended
! port 172.16.0.1:50001
>> EPRT |1|172.16.0.1|50001|
<< 522 Only IPv6.
>> PORT 172,16,0,1,195,81
<< 502 Not here.
= release
>> EPSV
<< 500 What?
>> PASV
<< 227 (172,16,3,4,25,46)
= reserve extended
! port 17.254.0.91:6000
< 229 Entering Extended Passive Mode (|||6000|)
)",
          second},
         [](relay_driver& driver) {
             for (const auto m : {eprt, port, epsv})
                 EXPECT_TRUE(driver.machine.backend().server().refused.contains(m)) << name(m);
             EXPECT_FALSE(driver.machine.backend().server().refused.contains(pasv)) << "the last resort is always asked for";
         });
}

TEST(RelayMethods, DoesNotStoreARefusalThatMayBeAboutTheUser) {
    constexpr std::string_view once = R"(= reserve for backend
! port 172.16.0.1:50001
>> PORT 172,16,0,1,195,81
<< 550 Permission denied.
>> EPRT |1|172.16.0.1|50001|
<< 200 ok
< 200 PORT command successful.
)";
    constexpr std::string_view ask = "> PORT 198,51,100,7,7,138\n";
    play(with_mode(backend_data_mode::match), {login, ask, once, ask, "= release\n", once});
}

TEST(RelayMethods, AReplyWithoutAUsablePortRefusesTheMethod) {
    constexpr std::string_view by_pasv = R"(>> PASV
<< 227 (172,16,3,4,25,46)
= reserve extended
! port 17.254.0.91:6000
< 229 Entering Extended Passive Mode (|||6000|)
)";
    for (const std::string reply :
         {"200 ok", "350 go on", "229 garbage", "229 (|||0|)", "229 (|||22|)", "227 (172,16,3,4,25,46)", "228 x"}) {
        SCOPED_TRACE(reply);
        play(with_mode(backend_data_mode::passive),
             {login, "> EPSV\n>> EPSV\n<< " + reply + "\n", by_pasv, "> EPSV\n= release\n", by_pasv},
             [](relay_driver& driver) {
                 EXPECT_TRUE(driver.machine.backend().server().refused.contains(epsv));
                 EXPECT_EQ(driver.count(relay_note::violation), 1U) << "it is said";
             });
    }
    for (const std::string reply :
         {"200 ok", "227 (172,16,3,4,0,0)", "227 (172,16,3,4,0,22)", "227 none", "229 (|||6446|)"}) {
        SCOPED_TRACE(reply);
        play(with_mode(backend_data_mode::match),
             {login, "> PASV\n>> PASV\n<< " + reply + "\n",
              ">> EPSV\n<< 229 (|||6446|)\n= reserve\n! port 17.254.0.91:52397\n< 227 Entering Passive Mode "
              "(17,254,0,91,204,173)\n"},
             [](relay_driver& driver) { EXPECT_TRUE(driver.machine.backend().server().refused.contains(pasv)); });
    }
    for (const std::string reply : {"331 who?", "350 go on"}) {
        SCOPED_TRACE(reply);
        play(with_mode(backend_data_mode::active),
             {login,
              "> EPSV\n= reserve for backend extended\n! port 172.16.0.1:50001\n>> EPRT "
              "|1|172.16.0.1|50001|\n<< " +
                  reply +
                  "\n>> PORT 172,16,0,1,195,81\n<< 200 ok\n= reserve "
                  "extended\n! no port\n= release\n< 425 All passive ports are in use; try again later.\n"},
             [](relay_driver& driver) { EXPECT_TRUE(driver.machine.backend().server().refused.contains(eprt)); });
    }
}

TEST(RelayMethods, SendsTheNextMethodIfOneHasNoPortAtTheMoment) {
    play(with_mode(backend_data_mode::passive), {login, R"(> EPSV
>> EPSV
<< 425 None free.
>> PASV
<< 425-None
<< 425 free.
< 425-None
< 425 free.
> PORT 198,51,100,7,7,138
>> EPSV
<< 425 None free.
>> PASV
<< 425-None
<< 425 free.
< 425 The FTP server refused passive mode: None free.
)"},
         [](relay_driver& driver) {
             EXPECT_FALSE(driver.machine.backend().server().refused.contains(epsv)) << "the next time there may be one";
         });
}

TEST(RelayMethods, SendsNoOtherMethodThanTheOneDemanded) {
    play(with_mode(backend_data_mode::port), {login, R"(> PASV
= reserve for backend
! port 172.16.0.1:50001
>> PORT 172,16,0,1,195,81
<< 500 Illegal PORT command.
= release
< 425 The FTP server refused PORT: Illegal PORT command.
> EPRT |1|198.51.100.7|1930|
= reserve for backend
! port 172.16.0.1:50002
>> PORT 172,16,0,1,195,82
<< 425 Not now.
= release
< 425 The FTP server refused PORT: Not now.
> NOOP
>> NOOP
)"});
    play(with_mode(backend_data_mode::epsv), {login, R"(> PASV
>> EPSV
<< 502 No.
< 502 No.
> PORT 198,51,100,7,7,138
>> EPSV
<< 502 No.
< 425 The FTP server refused passive mode: No.
)"});
}

TEST(RelayMethods, DoesNotTakeAMissingLoginForARefusal) {
    play(with_mode(backend_data_mode::active), {login, R"(> EPSV
= reserve for backend extended
! port 172.16.0.1:50001
>> EPRT |1|172.16.0.1|50001|
<< 530 Log in.
= release
< 425 The FTP server refused EPRT: Log in.
)"},
         [](relay_driver& driver) { EXPECT_FALSE(driver.machine.backend().server().refused.contains(eprt)); });
}

TEST(RelayMethods, FallsBackToPassiveWithoutAFreePort) {
    play(with_mode(backend_data_mode::active), {login, R"(> PORT 198,51,100,7,7,138
= reserve for backend extended
! no port
>> EPSV
<< 229 (|||6446|)
< 200 PORT command successful.
)"});
    play(with_mode(backend_data_mode::eprt), {login, R"(> PORT 198,51,100,7,7,138
= reserve for backend extended
! no port
< 425 All passive ports are in use; try again later.
> LIST
< 425 Send EPSV, PASV, EPRT or PORT first.
)"});
}

// ---- Nothing outlives its use

TEST(RelayMethods, ReleasesTheBackendPortIfTheClientLegHasNone_DC07) {
    play(with_mode(backend_data_mode::port), {login, R"(> EPSV
= reserve for backend
! port 172.16.0.1:50001
>> PORT 172,16,0,1,195,81
<< 200 ok
= reserve extended
! no port
= release
< 425 All passive ports are in use; try again later.
)"});
}

TEST(RelayMethods, ReleasesTheBackendPortIfTheSessionEnds_G2) {
    constexpr std::string_view asked = R"(> EPSV
= reserve for backend
! port 172.16.0.1:50001
>> PORT 172,16,0,1,195,81
)";
    play(with_mode(backend_data_mode::port), {login, asked, "! expire Idle.\n= release\n= close\n< 421 Idle.\n"});
    play(with_mode(backend_data_mode::port), {login, asked, "<< 421 Bye.\n= release\n= close\n< 421 Bye.\n"});
}

TEST(RelayMethods, AppliesEpsvAllWhateverTheBackendLegUses_DC06) {
    play(with_mode(backend_data_mode::port), {login, R"(> EPSV ALL
< 200 Only EPSV will be accepted from now on.
> PORT 198,51,100,7,7,138
< 501 After EPSV ALL only EPSV is allowed.
> EPSV
= reserve for backend
! port 172.16.0.1:50001
>> PORT 172,16,0,1,195,81
<< 200 ok
= reserve extended
! port 17.254.0.91:6000
< 229 Entering Extended Passive Mode (|||6000|)
> RETR f
>> RETR f
= open RETR down listen, listen
<< 150 go
= confirm
< 150 go
> ABOR
= release
>> ABOR
<< 426 cut
< 426 cut
<< 226 aborted
< 226 aborted
> PASV
< 501 After EPSV ALL only EPSV is allowed.
)"});
}

TEST(RelayMethods, NamesBothLegsInItsNotes_G12) {
    const auto client = client_leg(pasv);
    play(with_mode(backend_data_mode::eprt), {login, client.asks, backend_side(eprt).script, client.receives},
         [](relay_driver& driver) {
             const auto found =
                 std::ranges::find(driver.notes, relay_note::rewritten, &std::pair<relay_note, std::string>::first);
             ASSERT_NE(found, driver.notes.end());
             EXPECT_EQ(found->second,
                       "Data connection: client PASV 17.254.0.91:52397, backend EPRT 172.16.0.1:50001, path relay: no other "
                       "data path "
                       "is enabled");
         });
}

}  // namespace
}  // namespace sallyport::proto
