#include <sallyport/base/log_form.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace sallyport::log {
namespace {

using testing::MatchesRegex;

const subject full{.session = "s1", .user = "a\"n\nna", .client = *ip_address::parse("192.0.2.1")};

TEST(LogForm, Text) {
    EXPECT_EQ(message_of(form::text, level::info, {}, "stopping"), "stopping");
    EXPECT_EQ(message_of(form::text, level::info, full, "stopping"), "[s1] stopping");
}

TEST(LogForm, JsonHasOnlyWhatIsKnown) {
    EXPECT_EQ(message_of(form::json, level::info, {}, "say \"hi\""), R"("text":"say \"hi\"")");
    EXPECT_EQ(message_of(form::json, level::info, full, "x"),
              R"("session":"s1","user":"a\"n\\x0ana","client":"192.0.2.1","text":"x")");
}

TEST(LogForm, Logfmt) {
    EXPECT_EQ(message_of(form::logfmt, level::info, full, "x y"),
              R"(session=s1 user="a\"n\\x0ana" client=192.0.2.1 text="x y")");
    EXPECT_EQ(message_of(form::logfmt, level::info, {}, "x"), R"(text="x")");
}

// sd-daemon(3)
TEST(LogForm, SystemdReadsThePriority) {
    EXPECT_EQ(message_of(form::prefixed, level::warning, full, "x"), "<4>[s1] x");
    EXPECT_EQ(message_of(form::prefixed, level::error, {}, "x"), "<3>x");
    EXPECT_EQ(message_of(form::prefixed, level::debug, {}, "x"), "<7>x");
}

// RFC 3164 section 4.1: facility 11 is FTP.
TEST(LogForm, Syslog) {
    EXPECT_THAT(message_of(form::syslog, level::warning, full, "x"),
                MatchesRegex("<92>[A-Z][a-z]{2} [ 1-3][0-9] [0-9:]{8} sallyport\\[" + std::to_string(::getpid()) +
                             "\\]: \\[s1\\] x"));
    EXPECT_THAT(message_of(form::syslog, level::info, {}, "x"), testing::StartsWith("<94>"));
}

TEST(LogForm, AJournalFieldCannotBeginAnother) {
    EXPECT_EQ(message_of(form::journal, level::info, full, "x\nPRIORITY=0"),
              "PRIORITY=6\nSYSLOG_FACILITY=11\nSYSLOG_IDENTIFIER=sallyport\nSALLYPORT_SESSION=s1\n"
              "SALLYPORT_USER=a\"n\\x0ana\nSALLYPORT_CLIENT=192.0.2.1\nMESSAGE=[s1] x PRIORITY=0");
}

}  // namespace
}  // namespace sallyport::log
