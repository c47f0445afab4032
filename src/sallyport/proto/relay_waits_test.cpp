// Waits for replies of the backend that may never arrive: their limits, the client's replies, and what ends them.

#include <gtest/gtest.h>

#include <sallyport/proto/relay_test_script.hpp>

namespace sallyport::proto {
namespace {

using namespace relay_script;

constexpr std::string_view given_up = "! data client_failed reset by peer\n< 426 Transfer aborted: reset by peer\n";
constexpr std::string_view probed = "! waited 10\n>> NOOP\n";
constexpr std::string_view no_answer = "! waited 10\n< 421 The FTP server did not respond in time.\n= release\n= close\n";
constexpr std::string_view no_answer_outside = "! waited 10\n< 421 The FTP server did not respond in time.\n= close\n";
constexpr std::string_view goes_on = "> PWD\n>> PWD\n<< 257 \"/\"\n< 257 \"/\"\n> PASV\n>> PASV\n";
constexpr std::string_view unreachable = R"(> RETR f
>> RETR f
= open RETR down listen, connect 172.16.3.4:52397
! data backend_connect_failed reset
)";

/// But for the session's own time and the login's.
[[nodiscard]] bool waits(const relay_driver& driver) { return driver.until - driver.now <= std::chrono::seconds(10); }

void expect_no_wait(relay_driver& driver) { EXPECT_FALSE(waits(driver)); }

// ---- Our failure and the backend's refusal

TEST(RelayWaits, TheBackendsOwnRefusalWins) {
    play(usual(), {login, passive, unreachable, "<< 550 f: No such file.\n< 550 f: No such file.\n", goes_on});
    play(usual(), {login, passive, unreachable, "<< 150 Here.\n<< 522 Use PROT P.\n< 522 Use PROT P.\n"});
    play(usual(), {login, passive, retrieving, "! data backend_failed cut\n<< 452 Full.\n< 452 Full.\n", goes_on});
}

TEST(RelayWaits, SuccessOfTheBackendDoesNotHideAFailure) {
    play(usual(),
         {login, passive, unreachable, "<< 226 Done.\n< 425 No data connection to the FTP server: reset\n", goes_on});
    play(usual(), {login, passive, retrieving, "! data backend_failed cut\n<< 226 Done.\n< 426 Transfer aborted: cut\n"});
}

TEST(RelayWaits, AFailureOfTheBackendLegIsReportedAfterTwoSeconds) {
    play(usual(), {login, passive, unreachable, R"(! waited 2
< 425 No data connection to the FTP server: reset
>> ABOR
<< 550 f: No such file.
<< 226 Abort ok.
)",
                   goes_on});
    play(usual(), {login, passive, retrieving,
                   "! data backend_failed cut\n! waited 2\n< 426 Transfer aborted: cut\n<< 451 Late.\n", goes_on});
}

TEST(RelayWaits, AFailureOfTheClientLegIsReportedAtOnce) {
    for (const auto* end : {"client_failed", "client_timeout"}) {
        relay_driver driver(usual(), false);
        for (const auto part : {login, passive, retrieving}) driver.play(part);
        driver.step("! data " + std::string(end) + " why");
        ASSERT_EQ(driver.to_client.size(), 1U) << end;
    }
}

// ---- The final reply to a transfer that has failed here

TEST(RelayWaits, ATransferWithoutItsFinalReplyEndsWithNoop) {
    // Pure-FTPd says 150 a second time and no more.
    constexpr std::string_view again = "<< 150 0.001 seconds (measured here), 260.97 Mbytes per second\n";
    play(usual(),
         {login, passive, retrieving, given_up, again, "> PWD\n", probed,
          "<< 200 Zzz...\n>> PWD\n<< 257 \"/\"\n< 257 \"/\"\n"},
         expect_no_wait);
    for (const auto* answer : {"<< 500 What?\n", "<< 502 Not here.\n"}) {
        play(usual(), {login, passive, retrieving, given_up, probed, answer, goes_on});
    }
}

TEST(RelayWaits, CommandsOfTheClientDoNotProlongTheWait) {
    play(usual(), {login, passive, retrieving, given_up, "! passed 4\n> ABOR\n>> ABOR\n! passed 4\n> ABOR\n>> ABOR\n",
                   "! waited 2\n>> NOOP\n"});
}

TEST(RelayWaits, ALateFinalReplyEndsTheTransfer) {
    play(usual(), {login, passive, retrieving, given_up, "<< 426 Broken pipe.\n", goes_on});
    for (const auto* late : {"<< 426 Broken pipe.\n", "<< 226 Done.\n", "<< 550 No.\n"}) {
        play(usual(),
             {login, passive, retrieving, given_up, probed, late, "> PWD\n<< 200 ok\n", ">> PWD\n<< 257 /\n< 257 /\n"});
    }
}

TEST(RelayWaits, WithoutAReplyToNoopTheSessionEnds) {
    play(usual(), {login, passive, retrieving, given_up, probed, no_answer});
    play(usual(), {login, passive, unreachable, "! waited 2\n< 425 No data connection to the FTP server: reset\n>> ABOR\n",
                   probed, no_answer});
    // A reply that begins and does not end hides the one to NOOP.
    play(usual(), {login, passive, retrieving, given_up, "<< 553-No\n", probed, "<< 200 ok\n", no_answer});
}

TEST(RelayWaits, EveryReportedFailureIsFollowedByThatWait) {
    for (const auto& [end, expected] :
         std::vector<std::pair<std::string, std::string>>{{"client_timeout", "425 No data connection: x"},
                                                          {"tls_session_not_reused",
                                                           "522 The data connection must reuse the control connection's TLS "
                                                           "session; enable session reuse in your client."},
                                                          {"client_failed", "426 Transfer aborted: x"}}) {
        play(usual(),
             {login, passive, retrieving, "! data " + end + " x\n< " + expected + "\n", probed, "<< 200 ok\n", goes_on});
    }
}

TEST(RelayWaits, StatIsAnsweredMeanwhile) {
    play(usual(), {login, passive, retrieving, given_up, "> STAT\n>> STAT\n<< 211 Idle.\n< 211 Idle.\n", probed,
                   "<< 200 ok\n", goes_on});
    play(usual(), {login, passive, retrieving, given_up, "> STAT\n>> STAT\n", probed,
                   "<< 200 ok\n< 451 The FTP server did not answer this command.\n", goes_on});
    // A server that does not read commands while it sends a file, and forgets them.
    play(usual(), {login, passive, retrieving, "> STAT\n>> STAT\n! data complete\n<< 226 Done.\n< 226 Done.\n> PWD\n",
                   probed, "<< 200 ok\n< 451 The FTP server did not answer this command.\n>> PWD\n<< 257 /\n< 257 /\n"});
    play(usual(), {login, passive, retrieving, "> STAT\n>> STAT\n! data complete\n<< 226 Done.\n< 226 Done.\n", probed,
                   "<< 502 No.\n< 502 No.\n<< 200 ok\n", goes_on});
}

// ---- ABOR

constexpr std::string_view aborted = "> ABOR\n= release\n>> ABOR\n";

TEST(RelayWaits, ABackendThatRepliesToAborOnlyOnce) {
    play(usual(),
         {login, passive, retrieving, aborted, "<< 226 Aborted.\n< 426 Transfer aborted: requested by the client\n",
          "> PWD\n", probed, "<< 200 ok\n< 226 Transfer aborted.\n>> PWD\n<< 257 /\n< 257 /\n"},
         expect_no_wait);
    play(usual(), {login, passive, retrieving, aborted, "<< 426 Aborted.\n< 426 Aborted.\n", probed,
                   "<< 226 Late.\n< 226 Late.\n<< 200 ok\n", goes_on});
}

TEST(RelayWaits, ABackendThatDoesNotReplyToAbor) {
    play(usual(), {login, passive, retrieving, aborted, "! waited 2\n< 426 Transfer aborted: requested by the client\n",
                   probed, "<< 200 ok\n< 226 Transfer aborted.\n", goes_on});
    play(usual(), {login, passive, retrieving, aborted, "! waited 2\n< 426 Transfer aborted: requested by the client\n",
                   probed, no_answer});
}

TEST(RelayWaits, ABackendThatSends150AfterAbor) {
    // Pure-FTPd: 150 once more, then one reply for both commands.
    play(usual(),
         {login, passive, retrieving, aborted,
          "<< 150 0.002 seconds\n<< 226 Since you see this ABOR must have succeeded\n< 426 Transfer aborted: requested "
          "by the client\n",
          probed, "<< 200 ok\n< 226 Transfer aborted.\n", goes_on});
}

TEST(RelayWaits, A500ToAborIsNotTakenForTheReplyToNoop) {
    play(usual(), {login, passive, retrieving, aborted, "! waited 2\n< 426 Transfer aborted: requested by the client\n",
                   probed, "<< 426 Cut.\n<< 500 ABOR?\n< 500 ABOR?\n<< 200 ok\n", goes_on});
}

// ---- A reply that begins and does not end

TEST(RelayWaits, AReplyThatDoesNotEnd) {
    constexpr std::string_view begun = "> DELE x\n>> DELE x\n<< 553-It\n";
    play(usual(), {login, begun, probed, "<< 200 ok\n", no_answer_outside});
    play(usual(), {login, begun, probed, "<< 553 is not yours\n< 553-It\n< 553 is not yours\n<< 200 ok\n", goes_on});
    play(usual(), {login, passive, retrieving, "! data complete\n<< 226-It\n", probed, no_answer});
    relay_driver driver(usual(), false);
    driver.play(login);
    driver.client("DELE x\r\n");
    driver.backend("55");  // half a line is a beginning too
    EXPECT_EQ(driver.until - driver.now, std::chrono::seconds(10));
}

TEST(RelayWaits, AReplyThatContinuesHasItsWholeTimeAgain) {
    relay_driver driver(usual(), false);
    driver.play(login);
    driver.client("DELE x\r\n");
    driver.backend("250-working\r\n");
    EXPECT_EQ(driver.until - driver.now, std::chrono::seconds(10));
    driver.step("! passed 9");
    driver.backend("250-still\r\n");
    EXPECT_EQ(driver.until - driver.now, std::chrono::seconds(10));
    driver.step("! passed 9");
    EXPECT_TRUE(driver.to_backend.empty() || driver.to_backend.back() != "NOOP");
    driver.backend("250 done\r\n");
    EXPECT_FALSE(waits(driver));
}

TEST(RelayWaits, AFailureIsNotPutOffByBytesOfTheBackend) {
    relay_driver driver(usual(), false);
    for (const auto part : {login, passive, retrieving, given_up}) driver.play(part);
    const auto before = driver.until;
    EXPECT_TRUE(waits(driver));
    driver.step("! passed 3");
    driver.backend("150 one more\r\n");
    driver.backend("553-x\r\n");
    EXPECT_EQ(driver.until, before);
}

// ---- What goes on being awaited

TEST(RelayWaits, SlowRepliesAreAwaited) {
    play(usual(), {login, "> DELE x\n>> DELE x\n"}, expect_no_wait);
    play(usual(), {login, passive, retrieving}, expect_no_wait);
    play(usual(), {login, passive, retrieving, "! data complete\n"}, expect_no_wait);
    play(usual(), {login, passive, retrieving, "! data complete\n<< \n"}, expect_no_wait);  // a blank line is no beginning
    play(usual(), {login, passive, retrieving, "<< 226 Done.\n"}, expect_no_wait);
    play(usual(), {login, "> ABOR\n>> ABOR\n"}, expect_no_wait);  // no transfer is in doubt
    play(usual(), {login}, expect_no_wait);
    play(usual(), {"< 220 Welcome.\n> USER u\n>> USER u\n<< 331-Pass\n"}, expect_no_wait);  // the login has its own time
    // While a transfer moves, a reply that has begun has no deadline.
    play(usual(), {login, passive, "> RETR f\n>> RETR f\n= open RETR down listen, connect 172.16.3.4:52397\n<< 150-Here\n"},
         expect_no_wait);
}

TEST(RelayWaits, EndWithTheSession) {
    play(usual(), {login, passive, retrieving, given_up, "! expire Idle.\n= release\n= close\n< 421 Idle.\n"},
         [](relay_driver& driver) {
             driver.step("! passed 1000");
             EXPECT_FALSE(driver.machine.has_output(leg::client));
         });
}

}  // namespace
}  // namespace sallyport::proto
