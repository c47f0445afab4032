#include <sallyport/cli/status_text.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sallyport/status/status_json.hpp>

namespace sallyport::cli {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

[[nodiscard]] status::daemon_snapshot gateway() {
    status::daemon_snapshot d{
        .name = "sallyport gate", .pid = 17, .uptime = 3h, .listening = {*endpoint::parse("0.0.0.0:21")}};
    d.backends = status::pool_snapshot{.backends = {{.name = "ftp://10.0.0.1:21",
                                                     .state = "active",
                                                     .health = "up",
                                                     .reason = {},
                                                     .since = 5s,
                                                     .weight = 3,
                                                     .weight_factor = 0.5,
                                                     .sessions = 1,
                                                     .sessions_max = 10,
                                                     .response = 30ms}},
                                       .queued = 2};
    status::session_report busy{.id = "a-1", .client = *endpoint::parse("192.0.2.7:4000"), .user = "bob", .logged_in = true};
    busy.client_tls = "TLSv1.3";
    busy.transfer = status::running_transfer{.verb = "RETR",
                                             .path = "/a",
                                             .client_method = "EPSV",
                                             .backend_method = "PASV",
                                             .data_path = "relay",
                                             .data_path_reason = "rate_limit",
                                             .bytes = 2048,
                                             .age = 2s};
    status::session_report forwarded{.id = "a-2", .client = *endpoint::parse("192.0.2.8:4000"), .user = {}};
    forwarded.transfer =
        status::running_transfer{.verb = "STOR", .path = "/b", .client_method = "PASV", .data_path = "kernel"};
    forwarded.openings = {{.backend_leg = true,
                           .port = 30001,
                           .peer = *ip_address::parse("10.0.0.1"),
                           .expires_in = 29s,
                           .forwarded_to = endpoint::parse("192.0.2.8:5000")}};
    d.sessions.sessions = {busy, forwarded};
    d.counted.unexpected_peers = 3;
    d.counted.ports_exhausted = 1;
    return d;
}

[[nodiscard]] std::string text(const status::daemon_snapshot& d, const status_selection& what = {}) {
    return status_text(status::status_json(d), what);
}

TEST(StatusText, SaysThatNoNewClientsAreWanted_G12) {
    auto d = gateway();
    EXPECT_THAT(text(d), Not(HasSubstr("Not ready")));
    d.ready = false;
    EXPECT_THAT(text(d), HasSubstr("\nNot ready: load balancers are to send no new clients"));
}

TEST(StatusText, ShowsAGatewayInTables) {
    const auto shown = text(gateway(), {.sessions = true, .penalties = true});
    EXPECT_THAT(shown, HasSubstr(", process 17, up 3 h 0 min, listening on 0.0.0.0:21\n"));
    EXPECT_THAT(shown, HasSubstr("\nRejected: 3 unexpected peers, 1 request without a free passive port\n"));
    EXPECT_THAT(
        shown,
        HasSubstr("  NAME               STATE   HEALTH  SINCE  WEIGHT  EFF. WEIGHT  SESSIONS  TOTAL  RESPONSE  REASON\n"
                  "  ftp://10.0.0.1:21  active  up      5 s    3       1.5          1 of 10   0      30 ms     -\n"
                  "  2 sessions queued\n"));
    EXPECT_THAT(
        shown,
        HasSubstr("  SESSION  USER  CLIENT          VERB  BYTES    RATE       AGE  METHODS    DATA PATH           PATH\n"
                  "  a-1      bob   192.0.2.7:4000  RETR  2.0 KiB  1.0 KiB/s  2 s  EPSV/PASV  relay (rate_limit)  /a\n"
                  "  a-2      -     192.0.2.8:4000  STOR  kernel              0 s  PASV       kernel              /b\n"));
    EXPECT_THAT(shown, HasSubstr("  SESSION  PORT   PEER      LEG      EXPIRES  FORWARDED TO\n"
                                 "  a-2      30001  10.0.0.1  backend  29 s     192.0.2.8:5000\n"));
    EXPECT_THAT(shown, HasSubstr("TLS (CLIENT / BACKEND)"));
    EXPECT_THAT(shown, HasSubstr("TLSv1.3 / plain"));
    EXPECT_THAT(shown, HasSubstr("No address has a login penalty.\n"));
}

// S7
TEST(StatusText, S7_ShowsFailedDataConnectionsByCauseAndNetwork) {
    auto d = gateway();
    EXPECT_THAT(text(d), Not(HasSubstr("Failed data connections")));
    d.failed_data = {{"data-ports-dropped", "192.0.2.0/24", 12, 5s},
                     {"active-blocked", "2001:db8:1:2::/64", 1, 4000s},
                     {"data-ports-refused", "10.0.0.5", 2, 3s, true}};
    EXPECT_THAT(text(d), HasSubstr("\nFailed data connections (3)\n"
                                   "  CAUSE               LEG      NETWORK            COUNT  LAST\n"
                                   "  data-ports-dropped  client   192.0.2.0/24       12     5 s ago\n"
                                   "  active-blocked      client   2001:db8:1:2::/64  1      66 min ago\n"
                                   "  data-ports-refused  backend  10.0.0.5           2      3 s ago\n"));
}

TEST(StatusText, OfAServerHasNoBackends) {
    auto d = gateway();
    d.backends.reset();
    d.counted = {};
    const auto shown = text(d, {.sessions = true});
    EXPECT_THAT(shown, HasSubstr("\nRejected: none\n"));
    EXPECT_THAT(shown, Not(HasSubstr("Backends")));
    EXPECT_THAT(shown, Not(HasSubstr("BACKEND")));
    EXPECT_THAT(shown, Not(HasSubstr("FORWARDED TO")));
}

TEST(StatusText, SaysThatItDrainsOrIsIncomplete) {
    auto d = gateway();
    d.draining = true;
    d.sessions.complete = false;
    const auto shown = text(d);
    EXPECT_THAT(shown, HasSubstr("draining; the new process accepts new sessions\n"));
    EXPECT_THAT(shown, HasSubstr("One event loop did not answer in time; the lists below are incomplete.\n"));
    EXPECT_THAT(shown, Not(HasSubstr("Sessions ("))) << "they were not asked for";
}

TEST(StatusText, CutsListsAtTheirLimit) {
    EXPECT_THAT(text(gateway(), {.limit = 1}), HasSubstr("  ... and 1 more; --limit 0 shows all\n"));
    EXPECT_THAT(text(gateway(), {.limit = 0}), Not(HasSubstr("more; --limit")));
}

}  // namespace
}  // namespace sallyport::cli
