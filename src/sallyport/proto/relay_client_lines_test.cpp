#include <sallyport/proto/relay_client_lines.hpp>

#include <gtest/gtest.h>

namespace sallyport::proto {
namespace {

struct client {
    explicit client(std::string_view bytes) { EXPECT_FALSE(lines.append(bytes, false, out)); }
    /// The verb that may be acted on now, or "-".
    std::string next() { return name_of(lines.next(out)); }
    std::string next_during_transfer() { return name_of(lines.next_during_transfer(out)); }
    static std::string name_of(const std::optional<client_line>& line) { return line ? line->cmd.name : "-"; }

    relay_output out;
    relay_client_lines lines;
};

TEST(RelayClientLines, CommandsArePipelined) {
    client c("PWD\r\nNOOP\r\nSY");
    EXPECT_EQ(c.next(), "PWD");
    (void)c.out.send_command({verb::pwd, "PWD", {}}, reply_kind::relayed);
    EXPECT_EQ(c.next(), "NOOP");
    EXPECT_EQ(c.next(), "-");
    EXPECT_EQ(c.lines.pending_bytes(), 2U);
}

TEST(RelayClientLines, SomeWaitForAllRepliesBefore) {
    client c("USER u\r\nPASS p\r\n");
    EXPECT_EQ(c.next(), "USER");
    (void)c.out.send_command({verb::user, "USER", "u"}, reply_kind::relayed);
    EXPECT_EQ(c.next(), "-");
    c.out.remove_pending(0);
    EXPECT_EQ(c.next(), "PASS");
    for (const auto id : {verb::user, verb::pass, verb::acct, verb::rein, verb::quit, verb::auth, verb::pasv, verb::retr})
        EXPECT_TRUE(goes_alone(id));
    for (const auto id : {verb::cwd, verb::noop, verb::stat, verb::abor}) EXPECT_FALSE(goes_alone(id));
}

TEST(RelayClientLines, DuringATransferOnlyAbortAndStatAreNotDeferred) {
    client c("STAT\r\nPWD\r\nSTAT\r\nABOR\r\nNOOP\r\n");
    EXPECT_EQ(c.next_during_transfer(), "STAT");
    EXPECT_EQ(c.next_during_transfer(), "ABOR") << "STAT waits where something else does";
    EXPECT_TRUE(c.lines.defer_abort());
    EXPECT_TRUE(c.lines.has_abort());
    EXPECT_EQ(c.next_during_transfer(), "-");
    EXPECT_EQ(c.next(), "PWD");
    EXPECT_EQ(c.next(), "STAT");
    EXPECT_TRUE(c.lines.next(c.out)->abort_done);
    EXPECT_EQ(c.next(), "NOOP");
    EXPECT_FALSE(c.lines.has_abort());
}

TEST(RelayClientLines, WithoutDeferredLinesTheReplyToAbortIsTheBackends) {
    client c("ABOR\r\n");
    EXPECT_EQ(c.next_during_transfer(), "ABOR");
    EXPECT_FALSE(c.lines.defer_abort());
    EXPECT_FALSE(c.lines.has_abort());
}

TEST(RelayClientLines, AtTheEndAllThatHasArrivedIsStillHandled) {
    client c("PWD\r\nUSER u\r\n");
    EXPECT_EQ(c.next(), "PWD");
    (void)c.out.send_command({verb::pwd, "PWD", {}}, reply_kind::relayed);
    EXPECT_EQ(c.next(), "-");
    c.lines.end();
    EXPECT_FALSE(c.lines.finished());
    c.out.remove_pending(0);
    EXPECT_EQ(c.next(), "USER");
    EXPECT_TRUE(c.lines.finished());
}

TEST(RelayClientLines, QuitIsSeenBeforeItsTurn) {
    client c("PWD\r\nQUIT\r\n");
    EXPECT_EQ(c.next_during_transfer(), "-");
    EXPECT_TRUE(c.lines.quit_received());
    c.lines.clear();
    EXPECT_EQ(c.next(), "-");
}

}  // namespace
}  // namespace sallyport::proto
