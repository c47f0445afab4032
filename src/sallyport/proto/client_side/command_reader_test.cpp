#include <sallyport/proto/client_side/command_reader.hpp>

#include <gtest/gtest.h>

#include <sallyport/proto/client_side/replies.hpp>
#include <sallyport/proto/test_segments.hpp>

namespace sallyport::proto {
namespace {

/// The lines in these bytes: commands with name and argument, refusals with their code.
[[nodiscard]] std::string read_all(command_reader& reader, const segments& pieces, bool tls = false) {
    std::string out;
    std::string answers;
    std::string_view raw;
    for (const auto piece : pieces) {
        if (const auto end = reader.append(piece, tls, answers)) return out + "ended by " + end->text;
        while (const auto line = reader.next(raw))
            out +=
                line->refused ? std::to_string(line->refused->code) + ' ' : line->cmd.name + '(' + line->cmd.argument + ") ";
    }
    return out;
}

TEST(CommandReader, ReadsTheSameHoweverTheBytesArrive) {
    const std::string overlong(limits::max_command_line_before_login + 1, 'A');
    const std::string bytes = "user bob\r\nCWD  a \n\r\nDELE a\x01\r\n" + overlong + "\r\nXYZZY 1\r\nMODE\r\nNO";
    for (const auto& pieces : segmentations(bytes)) {
        command_reader reader;
        EXPECT_EQ(read_all(reader, pieces), "USER(bob) CWD( a ) 500 501 500 XYZZY(1) 501 ");
        EXPECT_EQ(reader.pending(), 2U);
    }
}

TEST(CommandReader, GivesNothingAfterALineThatEndsTheSession) {
    const std::string overlong(limits::max_command_line_before_login + 1, 'A');
    for (const std::string& foreign :
         std::vector{std::string("GET / HTTP/1.1"), "SSH-2.0" + std::string(1, '\0'), std::string("EHLO x")}) {
        const std::string bytes = "NOOP\r\n" + foreign + "\r\nNOOP\r\n";
        command_reader reader;
        EXPECT_EQ(read_all(reader, {bytes}), "NOOP() 421 ");
        const auto pending = reader.pending();
        EXPECT_EQ(read_all(reader, {bytes}), "");
        EXPECT_EQ(reader.pending(), pending) << "later bytes are ignored";
    }
    command_reader reader;
    EXPECT_EQ(read_all(reader, {overlong + "\n" + overlong + "\n" + overlong + "\nNOOP\n"}), "500 500 421 ");
}

TEST(CommandReader, EndsWhereTheFirstByteIsThatOfTls) {
    command_reader reader;
    EXPECT_EQ(read_all(reader, {"\x16"}), "ended by " + std::string(replies::not_ftp));
    command_reader under_tls;
    EXPECT_EQ(read_all(under_tls, {"\x16"}, true), "");
    command_reader later;
    EXPECT_EQ(read_all(later, {"NOOP\r\n", "\x16\x03\r\n"}), "NOOP() 421 ");
}

TEST(CommandReader, AnswersTelnetOnlyWithoutTls) {
    std::string answers;
    command_reader reader;
    EXPECT_FALSE(reader.append("\xff\xfd\x01NOOP\r\n", false, answers));
    EXPECT_EQ(answers, "\xff\xfc\x01");
    command_reader under_tls;
    EXPECT_EQ(read_all(under_tls, {"CWD a\xff\xfd\r\n"}, true), "CWD(a\xff\xfd) ");
}

TEST(CommandReader, TakesLongerLinesAfterTheLogin) {
    const std::string line = "CWD " + std::string(limits::max_command_line_before_login, 'a') + "\r\n";
    command_reader reader;
    EXPECT_EQ(read_all(reader, {line}), "500 ");
    reader.set_logged_in(true);
    EXPECT_TRUE(read_all(reader, {line}).starts_with("CWD("));
    reader.set_logged_in(false);
    EXPECT_EQ(read_all(reader, {line}), "500 ");
}

TEST(CommandReader, ShowsTheLineForTheLogAndNoOverlongOne) {
    std::string answers;
    std::string_view raw;
    command_reader reader;
    EXPECT_FALSE(reader.append("\r\nPASS x\r\n" + std::string(limits::max_command_line_before_login + 1, 'A') + "\r\n",
                               false, answers));
    ASSERT_TRUE(reader.next(raw));
    EXPECT_NE(raw.data(), nullptr);
    ASSERT_TRUE(reader.next(raw));
    EXPECT_EQ(raw, "PASS x");
    ASSERT_TRUE(reader.next(raw));
    EXPECT_EQ(raw.data(), nullptr);
}

TEST(CommandReader, ReportsThatQuitWasReceived) {
    command_reader reader;
    (void)read_all(reader, {"QUIT now\r\n"});
    EXPECT_FALSE(reader.quit_received());
    (void)read_all(reader, {"QUIT\r\n"});
    EXPECT_TRUE(reader.quit_received());
}

}  // namespace
}  // namespace sallyport::proto
