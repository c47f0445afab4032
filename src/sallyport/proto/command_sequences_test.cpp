#include <sallyport/proto/command_sequences.hpp>

#include <gtest/gtest.h>

#include <string>

namespace sallyport::proto {
namespace {

[[nodiscard]] std::string forgotten(command_sequences& s, verb refused, bool in_transfer = false) {
    std::string out;
    for (const auto& each : s.to_forget(refused, in_transfer)) out += each.name + ' ' + each.argument + '|';
    return out;
}

TEST(CommandSequences, ARenameIsForgottenOnce) {
    command_sequences s;
    EXPECT_EQ(forgotten(s, verb::cwd), "");
    s.sent(verb::rnfr);
    s.sent(verb::pwd);
    EXPECT_EQ(forgotten(s, verb::unknown), "") << "it changes nothing at a server";
    EXPECT_EQ(forgotten(s, verb::cwd, true), "");
    EXPECT_EQ(forgotten(s, verb::cwd), "RNTO |");
    EXPECT_EQ(forgotten(s, verb::cwd), "");
    s.sent(verb::rnfr);
    s.sent(verb::rnto);
    EXPECT_EQ(forgotten(s, verb::cwd), "");
}

TEST(CommandSequences, AnOffsetIsForgottenForARefusedTransfer) {
    command_sequences s;
    s.sent(verb::rest);
    EXPECT_EQ(forgotten(s, verb::cwd), "");
    EXPECT_EQ(forgotten(s, verb::retr, true), "REST 0|");
    EXPECT_EQ(forgotten(s, verb::retr), "");
    s.sent(verb::rang);
    EXPECT_EQ(forgotten(s, verb::retr), "REST 0|") << "REST replaces the range";
    s.sent(verb::rest);
    s.sent(verb::stor);
    EXPECT_EQ(forgotten(s, verb::retr), "");
}

TEST(CommandSequences, AnotherBackendRemembersNothing) {
    command_sequences s;
    s.sent(verb::rnfr);
    s.sent(verb::rest);
    auto same = s;
    EXPECT_EQ(forgotten(same, verb::retr), "RNTO |REST 0|");
    s.reset();
    EXPECT_EQ(forgotten(s, verb::retr), "");
}

}  // namespace
}  // namespace sallyport::proto
