// MODE B behind: begun after a row of small files and where the backend speaks it, unseen by the client, and left again in
// time (G2, G8).

#include <gtest/gtest.h>

#include <sallyport/proto/relay_script.hpp>

namespace sallyport::proto {
namespace {

using namespace relay_script;

[[nodiscard]] relay_settings with_blocks() {
    auto s = usual();
    s.blocks = true;
    return s;
}

/// From the login on; each ends as `each` has it.
void fetch_eight(stage_hand& hand, std::string_view each) {
    hand.play(login);
    for (int i = 0; i < 8; ++i) hand.play(std::string(passive).append(retrieving).append(each));
}

/// What follows eight files, which end as `each` has it.
void play_blocks(std::string_view each, std::initializer_list<std::string_view> then,
                 relay_settings settings = with_blocks()) {
    for (const bool bytewise : {false, true}) {
        SCOPED_TRACE(bytewise ? "byte by byte" : "whole lines");
        stage_hand hand(settings, bytewise);
        fetch_eight(hand, each);
        for (const auto part : then) {
            hand.play(part);
            if (::testing::Test::HasFatalFailure()) return;
        }
        hand.expect_nothing_left();
    }
}

constexpr std::string_view done = R"(<< 226 Done.
! data complete 1024
< 226 Done.
)";

constexpr std::string_view speaks_it = R"(>> FEAT
<< 211-Features:
<<  MLST size*;
<<  mode b
<< 211 End
)";

constexpr std::string_view first_in_blocks = R"(> PASV
>> MODE B
>> PASV
<< 200 Mode is block.
<< 227 Entering Passive Mode (172,16,3,4,204,173)
= reserve
! port 17.254.0.91:52397
< 227 Entering Passive Mode (17,254,0,91,204,173)
> RETR f
>> RETR f
= open RETR down listen, connect 172.16.3.4:52397 blocks
<< 150 Here it comes.
= confirm
< 150 Here it comes.
<< 250 Done.
! data complete 1024
< 226 Done.
)";

// No word to the backend: the client's port is all there is to it.
constexpr std::string_view port_in_front = R"(> PASV
= reserve
! port 17.254.0.91:52397
< 227 Entering Passive Mode (17,254,0,91,204,173)
)";

constexpr std::string_view asked_again = R"(> RETR f
>> RETR f
= open RETR down listen, stands blocks
<< 125 Here it comes.
= confirm
< 150 Here it comes.
)";

constexpr std::string_view stays = R"(<< 250 Done.
! data complete 1024
< 226 Done.
)";

// What follows the client's PASV where the backend is asked for a port.
constexpr std::string_view port_behind_too = passive.substr(passive.find('\n') + 1);

constexpr std::string_view back_to_streams = R"(>> MODE S
<< 200 Mode is stream.
)";

TEST(RelayBlocks, OneConnectionBehindCarriesManyFiles) {
    play_blocks(done, {speaks_it, first_in_blocks, port_in_front, asked_again, stays, port_in_front, asked_again, stays});
}

TEST(RelayBlocks, UploadsAndListingsToo) {
    play_blocks(done, {speaks_it, first_in_blocks, R"(> PORT 198,51,100,7,200,1
< 200 PORT command successful.
> STOR f
>> STOR f
= open STOR up connect 198.51.100.7:51201, stands blocks
<< 125 Send.
= confirm
< 150 Send.
<< 250 Stored.
! data complete 10
< 226 Stored.
)",
                       port_in_front, R"(> LIST
>> LIST
= open LIST down listen, stands blocks
<< 125 Here.
= confirm
< 150 Here.
<< 250 Listed.
! data complete 10
< 226 Listed.
)"});
}

TEST(RelayBlocks, NotWhereTheBackendSpeaksStreamsOnly) {
    play_blocks(done, {">> FEAT\n<< 211-Features:\n<<  MODE Z\n<< 211 End\n", passive, retrieving, done});
    play_blocks(done, {">> FEAT\n<< 500 What?\n", passive, retrieving, done});
}

TEST(RelayBlocks, NotWhereTheSettingsForbidIt) { play_blocks(done, {passive, retrieving, done}, usual()); }

TEST(RelayBlocks, AnEmptyPromiseIsNotAskedForAgain) {
    play_blocks(done, {speaks_it, R"(> PASV
>> MODE B
>> PASV
<< 504 Not really.
<< 227 Entering Passive Mode (172,16,3,4,204,173)
= reserve
! port 17.254.0.91:52397
< 227 Entering Passive Mode (17,254,0,91,204,173)
)",
                       retrieving, done, passive, retrieving, done});
}

TEST(RelayBlocks, AreNoUseForLargeFiles) {
    constexpr std::string_view large = "<< 226 Done.\n! data complete 1000000\n< 226 Done.\n";
    play_blocks(large, {passive, retrieving, done});
}

TEST(RelayBlocks, ALargeFileIsFollowedByAStream) {
    play_blocks(done, {speaks_it, first_in_blocks, port_in_front, asked_again, R"(<< 250 Done.
! data complete 1000000
< 226 Done.
> PASV
= drop
)",
                       back_to_streams, port_behind_too, retrieving, done});
}

TEST(RelayBlocks, AConnectionThatTheBackendClosesIsReplaced) {
    play_blocks(done, {speaks_it, first_in_blocks, port_in_front, asked_again, R"(<< 226 Done, and closed.
! data complete 1024
= drop
< 226 Done, and closed.
)",
                       passive});
}

TEST(RelayBlocks, AfterAFailureTheConnectionIsAnother) {
    for (const std::string_view failure : {"<< 250 Done.\n! data client_failed reset\n= drop\n< 426 Transfer cut: reset\n",
                                           "<< 426 Cut.\n= drop\n< 426 Cut.\n"}) {
        SCOPED_TRACE(failure);
        play_blocks(done, {speaks_it, first_in_blocks, port_in_front, asked_again, failure, passive});
    }
    play_blocks(done, {speaks_it, first_in_blocks, port_in_front, R"(> RETR none
>> RETR none
= open RETR down listen, stands blocks
<< 550 None such.
= drop
< 550 None such.
)",
                       passive});
}

TEST(RelayBlocks, WhatEndsItBehindEndsItHere) {
    play_blocks(done, {speaks_it, first_in_blocks, R"(> ABOR
= drop
>> ABOR
<< 226 Nothing to abort.
< 226 Nothing to abort.
)",
                       passive});
    play_blocks(done, {speaks_it, first_in_blocks, R"(> USER b
= drop
>> USER b
<< 331 Password?
< 331 Password?
> PASS c
>> PASS c
<< 230 In.
< 230 In.
> PASV
)",
                       back_to_streams, port_behind_too, retrieving, done});
}

TEST(RelayBlocks, AnUnusedPortInFrontTakesItAlong) {
    play_blocks(done, {speaks_it, first_in_blocks, port_in_front, "> PASV\n= drop\n", port_behind_too});
}

TEST(RelayBlocks, TheClientsOwnModePassesAndEndsThem) {
    play_blocks(done, {speaks_it, first_in_blocks, R"(> MODE B
< 504 MODE B is not spoken here; the mode is unchanged.
> MODE Z
= drop
>> MODE S
>> MODE Z
<< 200 Mode is stream.
<< 200 Mode is deflate.
< 200 Mode is deflate.
)",
                       passive, retrieving, done, passive, retrieving, done, "> MODE S\n>> MODE S\n<< 200 Ok.\n< 200 Ok.\n",
                       first_in_blocks});
}

TEST(RelayBlocks, TheClientDoesNotHearOfThem) {
    play(with_blocks(), {login, R"(> FEAT
>> FEAT
<< 211-Features:
<<  MODE B
<<  SIZE
<< 211 End
< 211-Features:
<  SIZE
<  EPRT
<  EPSV
< 211 End
)"});
}

TEST(RelayBlocks, ARestedConnectionIsGivenUpBetweenTransfersOnly) {
    for (const bool bytewise : {false, true}) {
        stage_hand hand(with_blocks(), bytewise);
        fetch_eight(hand, done);
        hand.play(speaks_it);
        hand.play(first_in_blocks);
        hand.play(port_in_front);
        EXPECT_FALSE(hand.machine.give_up_standing()) << "it is promised";
        hand.play(asked_again);
        EXPECT_FALSE(hand.machine.give_up_standing()) << "it is in use";
        hand.play(stays);
        EXPECT_TRUE(hand.machine.give_up_standing());
        hand.play(passive);
        hand.expect_nothing_left();
    }
}

}  // namespace
}  // namespace sallyport::proto
