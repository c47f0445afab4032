// What times out in a session at the gateway, and when: without a clock, by the times that the machine gets and returns.
// Replies of the backend after the login: relay_waits_test.cpp.

#include <gtest/gtest.h>

#include <sallyport/proto/relay_test_script.hpp>

namespace sallyport::proto {
namespace {

using namespace relay_script;
using namespace std::chrono_literals;

constexpr std::string_view too_late = ">> QUIT\n< 421 Login timeout: not logged in within 60 s.\n= close\n";
constexpr std::string_view backend_late = "< 421 The FTP server did not respond in time; try again later.\n= close\n";

[[nodiscard]] relay_settings timed() {
    auto s = usual();
    s.timeouts = {.idle = 300s, .login = 60s, .backend_reply = 20s, .data_connect = 30s};
    return s;
}

// ---- The login

TEST(RelayDeadlines, TheLoginTimeoutCountsFromTheConnection) {
    auto s = timed();
    s.now = s.accepted + 7s;  // a backend had to be found first
    relay_driver driver(s, false);
    driver.now = s.now;
    EXPECT_EQ(driver.until, s.accepted + 60s);
    driver.step("! passed 52");
    EXPECT_FALSE(driver.machine.closing());
    driver.step("! passed 1");
    EXPECT_TRUE(driver.machine.closing());
    EXPECT_EQ(driver.to_client.back(), "421 Login timeout: not logged in within 60 s.");
    EXPECT_EQ(driver.count(relay_note::login_timeout), 1U);
}

TEST(RelayDeadlines, CommandsDoNotExtendTheLoginTimeout) {
    play(timed(), {"< 220 Welcome.\n! passed 50\n> NOOP\n>> NOOP\n<< 200 ok\n< 200 ok\n! waited 10\n", too_late},
         [](const relay_driver& driver) { EXPECT_EQ(driver.count(relay_note::login_timeout), 1U); });
}

TEST(RelayDeadlines, ALoginAfterReinHasTheWholeTimeout) {
    play(timed(), {login, R"(! passed 100
> REIN
>> REIN
<< 220 Ready.
< 220 Ready.
! waited 60
)",
                   too_late});
}

TEST(RelayDeadlines, AShorterIdleTimeoutAppliesDuringTheLogin) {
    auto s = timed();
    s.timeouts.idle = 5s;
    play(s, {"< 220 Welcome.\n! waited 5\n>> QUIT\n< 421 Idle timeout: no command for 5 s.\n= close\n"});
}

// ---- TLS handshakes of the control connections

TEST(RelayDeadlines, EachHandshakeHasItsOwnTime) {
    auto s = timed();
    s.tls_available = true;
    s.backend.match_tls = true;
    relay_driver driver(s, false);
    const auto at = [&driver](session_time::duration later) {
        driver.now += later;
        driver.machine.set_time(driver.now);
    };
    at(30s);
    driver.client("AUTH TLS\r\n");
    at(2s);
    driver.backend("234 Mine.\r\n");
    EXPECT_EQ(driver.actions.back(), "backend tls");
    EXPECT_EQ(driver.until, driver.now + 10s);
    at(4s);
    driver.run();
    EXPECT_EQ(driver.until, driver.now + 6s) << "asking again does not extend it";
    driver.machine.report(relay_outcome::backend_tls_started{});
    driver.run();
    EXPECT_EQ(driver.actions.back(), "tls");
    EXPECT_EQ(driver.until, driver.now + 10s);
    at(5s);
    driver.machine.report(relay_outcome::client_tls_started{});
    driver.run();
    EXPECT_EQ(driver.until, s.accepted + 60s) << "the time of a handshake counts for the login";
}

// ---- The backend's reply during the login

TEST(RelayDeadlines, ABackendThatDoesNotAnswerTheLoginIsReplaced) {
    play(timed(), {R"(< 220 Welcome.
> USER u
>> USER u
! passed 19
! waited 1
= find another for u
! backend 172.16.3.5:21
>> USER u
<< 331 Password?
< 331 Password?
)"},
         [](const relay_driver& driver) {
             EXPECT_EQ(driver.suspected, 1U);
             EXPECT_FALSE(driver.machine.closing());
         });
}

TEST(RelayDeadlines, ABackendThatHasThePasswordIsNotReplaced) {
    play(timed(),
         {"< 220 Welcome.\n> USER u\n>> USER u\n<< 331 Password?\n< 331 Password?\n> PASS p\n>> PASS p\n! waited 20\n",
          backend_late},
         [](const relay_driver& driver) { EXPECT_EQ(driver.suspected, 1U); });
}

TEST(RelayDeadlines, AByteOfTheBackendStartsItsTimeAgain) {
    play(timed(),
         {"< 220 Welcome.\n> USER u\n>> USER u\n! passed 19\n<< 331-Password\n! passed 19\n<< 331 please?\n"
          "< 331-Password\n< 331 please?\n"},
         [](const relay_driver& driver) { EXPECT_EQ(driver.suspected, 0U); });
}

TEST(RelayDeadlines, TheLoginTimeoutAppliesWhileABackendIsSelected) {
    relay_driver driver(relay_machine(timed()), false);
    driver.play("< 220 FTP service ready.\n! passed 30\n> USER u\n= find for u\n! waited 30\n");
    EXPECT_EQ(driver.to_client.back(), "421 Login timeout: not logged in within 60 s.");
}

// ---- The idle session

// The server does not wait for a client that is gone.
TEST(RelayDeadlines, AnIdleSessionEndsAtBothPeers_G6) {
    play(timed(), {login, "! passed 299\n! waited 1\n>> QUIT\n< 421 Idle timeout: no command for 300 s.\n= close\n"},
         [](const relay_driver& driver) { EXPECT_EQ(driver.count(relay_note::login_timeout), 0U); });
}

TEST(RelayDeadlines, BytesOfEitherPeerAreActivity) {
    play(timed(), {login, "! passed 200\n> DELE x\n>> DELE x\n! passed 200\n<< 250 ok\n< 250 ok\n! waited 300\n",
                   ">> QUIT\n< 421 Idle timeout: no command for 300 s.\n= close\n"});
}

TEST(RelayDeadlines, TheReplyNamesABackendThatNeverReplies) {
    play(timed(), {login, "> DELE x\n>> DELE x\n! waited 300\n< 421 The FTP server did not respond in time.\n= close\n"});
}

// ---- Data

TEST(RelayDeadlines, ARunningTransferIsActivityG5) {
    play(timed(), {login, passive, retrieving, "! passed 1000\n! passed 1000\n! data complete\n<< 226 Done.\n< 226 Done.\n",
                   "! waited 300\n>> QUIT\n< 421 Idle timeout: no command for 300 s.\n= close\n"});
}

TEST(RelayDeadlines, AfterTheDataTheFinalReplyIsAwaitedLikeAny) {
    play(timed(), {login, passive, retrieving, "! data complete\n! passed 299\n! waited 1\n",
                   "< 421 The FTP server did not respond in time.\n= release\n= close\n"});
}

TEST(RelayDeadlines, APlanHasTheTimeLimitsOfItsConnections) {
    auto s = timed();
    s.timeouts.data_start = 40s;
    play(s,
         {login, passive, retrieving, "! data client_timeout no connection arrived within 30 s\n",
          "< 425 No data connection: no connection arrived within 30 s\n<< 426 Cut.\n"},
         [](const relay_driver& driver) {
             EXPECT_EQ(driver.limits_given.first, 30s);
             EXPECT_EQ(driver.limits_given.second, 40s);
         });
}

constexpr std::string_view forwarded = R"(> PASV
>> PASV
<< 227 Entering Passive Mode (172,16,3,4,204,173)
= reserve
! forwarded port 17.254.0.91:51000
< 227 Entering Passive Mode (17,254,0,91,199,56)
> RETR f
>> RETR f
= kernel: RETR
)";

[[nodiscard]] relay_settings forwarding() {
    auto s = timed();
    s.paths.kernel = kernel_forwarding::available;
    return s;
}

TEST(RelayDeadlines, AForwardedConnectionIsCheckedAtIntervals) {
    play(forwarding(),
         {login, forwarded, "! passed 29\n! waited 1\n= check opening\n! passed 9\n! waited 1\n= check opening\n",
          "<< 150 Here.\n< 150 Here.\n<< 226 Done.\n< 226 Done.\n"});
}

TEST(RelayDeadlines, AForwardedConnectionThatTheKernelForgetsEndsTheTransfer) {
    play(forwarding(),
         {login, forwarded, R"(<< 150 Here.
< 150 Here.
! waited 30
= check opening
! waited 10
= check opening
! data path_lost the firewall has forgotten it.
< 426 Transfer aborted: the firewall has forgotten it.
>> ABOR
<< 426 Cut.
<< 226 Aborted.
)",
          forwarded, "<< 150 Here.\n< 150 Here.\n<< 226 Done.\n< 226 Done.\n"},
         [](const relay_driver& driver) {
             ASSERT_EQ(driver.finished.size(), 2U);
             EXPECT_EQ(driver.finished.front().reply_code, 426);
             EXPECT_EQ(driver.finished.front().data.result, data_result::path_lost);
         });
}

// It waits in a write to its data connection, and is healthy.
TEST(RelayDeadlines, AServerThatReadsNoAborAfterTheLossIsNotSuspected) {
    play(forwarding(), {login, forwarded, R"(<< 150 Here.
< 150 Here.
! waited 30
= check opening
! data path_lost the firewall has forgotten it.
< 426 Transfer aborted: the firewall has forgotten it.
>> ABOR
! waited 10
>> NOOP
! waited 10
< 421 The router has lost the data connection; connect again.
= release
= close
)"},
         [](const relay_driver& driver) { EXPECT_EQ(driver.suspected, 0U); });
}

TEST(RelayDeadlines, AForwardedConnectionThatIsMissingEndsTheTransfer) {
    play(forwarding(), {login, forwarded, R"(! waited 30
= check opening
! data not_established No data connection was established within 30 s.
< 425 No data connection was established within 30 s.
>> ABOR
<< 426 Cut.
<< 226 Aborted.
)"},
         [](const relay_driver& driver) {
             ASSERT_EQ(driver.finished.size(), 1U);
             EXPECT_EQ(driver.finished.front().reply_code, 425);
             EXPECT_EQ(driver.finished.front().data.result, data_result::not_established);
         });
}

// ---- The end of a transfer

TEST(RelayTransferEnd, IsAnActionWithItsCode) {
    const auto ends = [](std::string_view how, int code, data_result end) {
        play(usual(), {login, passive, retrieving, how}, [&](const relay_driver& driver) {
            ASSERT_EQ(driver.finished.size(), 1U) << how;
            EXPECT_EQ(driver.finished.front().reply_code, code) << how;
            EXPECT_EQ(driver.finished.front().data.result, end) << how;
        });
    };
    ends("! data complete\n<< 226 Done.\n< 226 Done.\n", 226, data_result::complete);
    ends("! data complete\n<< 451 Disk.\n< 451 Disk.\n", 451, data_result::complete);
    ends("<< 550 No.\n= release\n< 550 No.\n", 550, data_result::refused);
    ends("<< 426 Cut.\n= release\n< 426 Cut.\n", 426, data_result::refused);
    ends("! data client_failed reset\n< 426 Transfer aborted: reset\n<< 426 Cut.\n", 426, data_result::client_failed);
    ends(
        "! data tls_session_not_reused x\n< 522 The data connection must reuse the control connection's TLS session; enable "
        "session reuse in your client.\n",
        522, data_result::tls_session_not_reused);
    ends("> ABOR\n= release\n>> ABOR\n<< 426 Cut.\n< 426 Cut.\n<< 226 Aborted.\n< 226 Aborted.\n", 426,
         data_result::aborted);
    ends(
        "! backend gone\n< 426 Transfer aborted: connection to the FTP server lost.\n"
        "< 421 The FTP server closed the connection; connect again.\n= release\n= close\n",
        426, data_result::backend_failed);
}

TEST(RelayTransferEnd, IsMissingIfTheSessionEndsFirst) {
    play(usual(), {login, passive, retrieving, "! expire Stopping.\n= release\n= close\n< 421 Stopping.\n"},
         [](const relay_driver& driver) { EXPECT_TRUE(driver.finished.empty()); });
}

// ---- The value alone

using std::chrono::seconds;

[[nodiscard]] relay_deadlines started() { return {relay_timeouts{}, script_begins, script_begins}; }

TEST(RelayDeadlinesAlone, TheEarliestOneCounts) {
    const auto d = started();
    const relay_timeouts limits;
    EXPECT_EQ(d.next({}), script_begins + limits.login);
    EXPECT_EQ(d.next({.login_reply_pending = true}), script_begins + limits.backend_reply);
    EXPECT_EQ(d.next({.logged_in = true}), script_begins + limits.idle);
    const auto check = script_begins + seconds(7);
    EXPECT_EQ(d.next({.logged_in = true, .data_running = true, .check_data = check}), check);
}

TEST(RelayDeadlinesAlone, EachExpiresForItself) {
    const relay_timeouts limits;
    const auto after = [](std::chrono::milliseconds time, const deadline_facts& facts) {
        auto d = started();
        d.set_time(script_begins + time);
        return d.expired(facts);
    };
    const auto a_bit = std::chrono::milliseconds(1);
    EXPECT_EQ(after(limits.login - a_bit, {}), expiry::none);
    EXPECT_EQ(after(limits.login, {}), expiry::login);
    EXPECT_EQ(after(limits.backend_reply, {.login_reply_pending = true}), expiry::login_reply);
    EXPECT_EQ(after(limits.idle - a_bit, {.logged_in = true}), expiry::none);
    EXPECT_EQ(after(limits.idle, {.logged_in = true}), expiry::idle);
    EXPECT_EQ(after(limits.idle, {.logged_in = true, .data_running = true}), expiry::none) << "it is activity";
    const deadline_facts checked{.logged_in = true, .data_running = true, .check_data = script_begins + seconds(7)};
    EXPECT_EQ(after(seconds(6), checked), expiry::none);
    EXPECT_EQ(after(seconds(7), checked), expiry::data_check);
}

TEST(RelayDeadlinesAlone, AnAwaitedReplyHasItsTimeFromTheFirstWaitOn) {
    auto d = started();
    const deadline_facts in{.logged_in = true};
    d.start_wait(awaited_reply::final_reply);
    const auto due = d.next(in);
    d.set_time(script_begins + seconds(3));
    d.start_wait(awaited_reply::final_reply);
    EXPECT_EQ(d.next(in), due);
    d.restart_wait();
    d.start_wait(awaited_reply::final_reply);
    EXPECT_EQ(d.next(in), due + seconds(3));
    d.set_time(due + seconds(3));
    EXPECT_EQ(d.expired(in), expiry::awaited_reply);
    EXPECT_EQ(d.expired(in), expiry::none) << "once";
    d.start_wait(awaited_reply::refusal);
    d.start_wait(awaited_reply::none);
    d.note_activity();
    EXPECT_EQ(d.next(in), d.now() + relay_timeouts{}.idle);
}

}  // namespace
}  // namespace sallyport::proto
