#include <sallyport/proto/relay_output.hpp>

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace sallyport::proto {
namespace {

[[nodiscard]] std::string to_client(relay_output& out) {
    std::string text;
    out.release_client_output(text);
    return text;
}

[[nodiscard]] std::string to_backend(relay_output& out) {
    std::string text;
    out.release_backend_output(text);
    return text;
}

TEST(RelayOutput, ALocalReplyWaitsForThoseToEarlierCommands) {
    relay_output out;
    out.send_local_reply(200, "First.");
    EXPECT_EQ(to_client(out), "200 First.\r\n");
    EXPECT_TRUE(out.send_command({verb::pwd, "PWD", {}}, reply_kind::relayed));
    EXPECT_EQ(to_backend(out), "PWD\r\n");
    out.send_local_reply(200, "Third.");
    EXPECT_FALSE(out.has_client_output());
    out.forward_reply({257, {"Second."}});
    out.remove_pending(0);
    EXPECT_EQ(to_client(out), "257 Second.\r\n200 Third.\r\n");
    EXPECT_TRUE(out.pending().empty());
}

TEST(RelayOutput, AReplyAtOnceDoesNotWait) {
    relay_output out;
    (void)out.send_command({verb::pwd, "PWD", {}}, reply_kind::relayed);
    out.send_at_once(421, "Bye.");
    EXPECT_EQ(to_client(out), "421 Bye.\r\n");
}

TEST(RelayOutput, WhatCantBeSentIsRefused) {
    relay_output out;
    EXPECT_FALSE(out.send_command({verb::cwd, "CWD", "a\rb"}, reply_kind::relayed));
    EXPECT_EQ(to_client(out).substr(0, 4), "501 ");
    EXPECT_FALSE(out.has_backend_output());
}

TEST(RelayOutput, TelnetIsEscapedWithoutTls) {
    relay_output out;
    (void)out.send_command({verb::cwd, "CWD", "a\xff\xf4"}, reply_kind::relayed);
    EXPECT_EQ(to_backend(out), "CWD a\xff\xff\xf4\r\n");
    out.set_backend_tls(true);
    (void)out.send_command({verb::cwd, "CWD", "a\xff\xf4"}, reply_kind::relayed);
    EXPECT_EQ(to_backend(out), "CWD a\xff\xf4\r\n");
}

TEST(RelayOutput, RepliesThatTheBackendNeverSentAreMade) {
    relay_output out;
    (void)out.send_command({verb::retr, "RETR", "f"}, reply_kind::transfer);
    (void)out.send_command({verb::abor, "ABOR", {}}, reply_kind::relayed);
    (void)out.send_command({verb::stat, "STAT", {}}, reply_kind::relayed);
    out.send_local_reply(200, "Ours.");
    (void)out.send_command({verb::noop, "NOOP", {}}, reply_kind::probe);
    EXPECT_TRUE(out.abandon_pending());
    EXPECT_EQ(to_client(out), "226 Transfer aborted.\r\n451 The FTP server did not answer this command.\r\n200 Ours.\r\n");
    EXPECT_EQ(out.pending().front().kind, reply_kind::probe);
}

TEST(RelayOutput, AddressesOfTheBackendLegAreHidden) {
    const auto at = [](std::string_view text) { return *ip_address::parse(text); };
    relay_output out;
    out.set_addresses({at("10.0.0.5"), at("10.0.0.1"), at("198.51.100.7"), at("203.0.113.1")});
    const auto hidden = [&](reply r, const pending_reply& pending) {
        out.hide_addresses(r, &pending);
        return r.text();
    };
    const std::string text = "From 10.0.0.5 it is.";
    EXPECT_NE(hidden({250, {text}}, {reply_kind::relayed, verb::cwd, "x"}), text);
    EXPECT_EQ(hidden({257, {text}}, {reply_kind::relayed, verb::pwd, {}}), text) << "a name";
    EXPECT_EQ(hidden({213, {text}}, {reply_kind::relayed, verb::stat, "x"}), text) << "a listing";
    EXPECT_NE(hidden({211, {text}}, {reply_kind::relayed, verb::stat, {}}), text);
    EXPECT_EQ(hidden({227, {text}}, {reply_kind::negotiation, verb::pasv, {}}), text) << "never forwarded";
    EXPECT_EQ(hidden({150, {text}}, {reply_kind::transfer, verb::retr, {}}), text) << "forward_opening() does it";
    EXPECT_EQ(hidden({250, {"FILE: 10.0.0.5"}}, {reply_kind::relayed, verb::cwd, "x"}), "FILE: 10.0.0.5");
}

TEST(RelayOutput, ActionsAreInOrder) {
    relay_output out;
    EXPECT_FALSE(out.next_action());
    out.request(relay_act::release_data{});
    out.request(relay_act::confirm_data{});
    EXPECT_TRUE(std::holds_alternative<relay_act::release_data>(*out.next_action()));
    EXPECT_TRUE(std::holds_alternative<relay_act::confirm_data>(*out.next_action()));
    EXPECT_FALSE(out.next_action());
}

TEST(RelayOutput, ARefusalHasANoteAndALineOfTheLog) {
    relay_output out;
    std::vector<std::pair<relay_note, std::string>> notes;
    out.set_notes([&](relay_note kind, std::string_view text) { notes.emplace_back(kind, text); }, true);
    out.refuse({verb::site, "SITE", {}}, 502, "No.");
    ASSERT_EQ(notes.size(), 2U);
    EXPECT_EQ(notes[0], std::pair(relay_note::refused, std::string("SITE: 502 No.")));
    EXPECT_EQ(notes[1], std::pair(relay_note::line, std::string("< 502 No.")));
}

TEST(RelayOutput, TheBackendForgetsTheOffsetOfARefusedTransfer_GW04) {
    relay_output out;
    const command rest{verb::rest, "REST", "5"};
    const command retr{verb::retr, "RETR", "a"};
    out.refuse(retr, 425, "No.");
    EXPECT_EQ(to_backend(out), "");
    (void)out.send_command(rest, reply_kind::relayed);
    out.remove_pending(0);
    out.refuse({verb::cwd, "CWD", "a"}, 502, "No.");
    EXPECT_EQ(to_backend(out), "REST 5\r\n");
    out.refuse(retr, 425, "No.");
    EXPECT_EQ(to_backend(out), "REST 0\r\n");
    ASSERT_EQ(out.pending().size(), 1U);
    EXPECT_EQ(out.pending().front().kind, reply_kind::discarded);
    out.refuse(retr, 425, "No.");
    EXPECT_EQ(to_backend(out), "") << "it has forgotten it";
    out.remove_pending(0);
    (void)out.send_command(rest, reply_kind::relayed);
    (void)out.send_command(retr, reply_kind::transfer);
    (void)to_backend(out);
    out.refuse(retr, 425, "No.");
    EXPECT_EQ(to_backend(out), "") << "a transfer has used it";
}

TEST(RelayOutput, TheBackendForgetsTheRnfrBeforeARefusedCommand_GW04) {
    relay_output out;
    const auto rename = [&out] {
        (void)out.send_command({verb::rnfr, "RNFR", "a"}, reply_kind::relayed);
        out.remove_pending(0);
    };
    rename();
    out.refuse({verb::retr, "RETR", "a"}, 425, "No.");
    out.refuse({verb::rnto, "RNTO", "b"}, 503, "No.");
    EXPECT_EQ(to_backend(out), "RNFR a\r\nRNTO\r\n");
    out.remove_pending(0);
    rename();
    (void)out.send_command({verb::pwd, "PWD", {}}, reply_kind::relayed);
    out.refuse({verb::rnto, "RNTO", "b"}, 503, "No.");
    EXPECT_EQ(to_backend(out), "RNFR a\r\nPWD\r\nRNTO\r\n");
    while (!out.pending().empty()) out.remove_pending(0);
    rename();
    (void)out.send_command({verb::rnto, "RNTO", "b"}, reply_kind::relayed);
    out.refuse({verb::retr, "RETR", "a"}, 425, "No.");
    EXPECT_EQ(to_backend(out), "RNFR a\r\nRNTO b\r\n");
}

TEST(RelayOutput, TheBackendKeepsTheRnfrDuringATransfer_GW04) {
    relay_output out;
    (void)out.send_command({verb::rnfr, "RNFR", "a"}, reply_kind::relayed);
    out.remove_pending(0);
    // The reply to PASV or PWD may be pending before that to the transfer.
    (void)out.send_command({verb::pwd, "PWD", {}}, reply_kind::directory);
    (void)out.send_command({verb::retr, "RETR", "b"}, reply_kind::transfer);
    (void)to_backend(out);
    out.refuse({verb::stat, "STAT", {}}, 502, "No.");
    EXPECT_EQ(to_backend(out), "");
    out.remove_pending(0);
    out.refuse({verb::stat, "STAT", {}}, 502, "No.");
    EXPECT_EQ(to_backend(out), "") << "its reply would be taken for that to RETR";
    out.remove_pending(0);
    out.refuse({verb::stat, "STAT", {}}, 502, "No.");
    EXPECT_EQ(to_backend(out), "RNTO\r\n");
}

TEST(RelayOutput, MuchUnsentOutputIsTooMuch) {
    relay_output out;
    EXPECT_FALSE(out.full() || out.client_full());
    for (int i = 0; i < 70; ++i) (void)out.send_command({verb::cwd, "CWD", std::string(1000, 'x')}, reply_kind::relayed);
    EXPECT_TRUE(out.full());
    EXPECT_FALSE(out.client_full());
    for (int i = 0; i < 70; ++i) out.send_at_once(200, std::string(1000, 'x'));
    EXPECT_TRUE(out.client_full());
    out.release_backend();
    EXPECT_TRUE(to_backend(out).empty() && out.pending().empty());
}

}  // namespace
}  // namespace sallyport::proto
