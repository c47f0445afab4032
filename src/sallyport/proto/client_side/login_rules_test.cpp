#include <sallyport/proto/client_side/login_rules.hpp>

#include <gtest/gtest.h>

namespace sallyport::proto {
namespace {

[[nodiscard]] int early(std::string_view line, session_stage stage, bool tls_missing = false) {
    const auto no = refuse_early(*parse_command(line), stage, tls_missing);
    return no ? no->code : 0;
}

TEST(LoginRules, MakeCommandsWaitForTheLogin) {
    for (const auto& row : command_table()) {
        const command cmd{row.id, std::string(row.name), "x"};
        EXPECT_FALSE(refuse_early(cmd, session_stage::logged_in, true)) << row.name;
        const auto no = refuse_early(cmd, session_stage::connected, false);
        EXPECT_EQ(no.has_value(), row.earliest != session_stage::connected || row.id == verb::pass) << row.name;
    }
    EXPECT_EQ(early("CWD a", session_stage::user_given), 530);
    EXPECT_EQ(early("PASS a", session_stage::connected), 503);
    EXPECT_EQ(early("PASS a", session_stage::user_given), 0);
    EXPECT_EQ(early("ACCT a", session_stage::connected), 530);
    EXPECT_EQ(early("ACCT a", session_stage::user_given), 0);
}

TEST(LoginRules, CallAnUnknownCommandUnknownBeforeTheLogin) {
    EXPECT_EQ(early("XYZZY", session_stage::connected), 500);
    EXPECT_EQ(early("XYZZY", session_stage::user_given, true), 500);
    EXPECT_EQ(early("XYZZY", session_stage::logged_in), 0) << "after the login server and gateway decide differently";
}

TEST(LoginRules, RequireTlsIfConfigured) {
    const auto text = [](std::string_view line, session_stage stage) {
        return refuse_early(*parse_command(line), stage, true)->text;
    };
    EXPECT_NE(text("CWD a", session_stage::connected).find("AUTH TLS"), std::string::npos);
    EXPECT_NE(text("PASS a", session_stage::connected).find("AUTH TLS"), std::string::npos);
    EXPECT_EQ(text("CWD a", session_stage::user_given).find("AUTH TLS"), std::string::npos) << "this user does not need TLS";
}

TEST(LoginRules, AcceptNamesAndTheClientDestinationForHost_RFC7151) {
    const auto host = [](std::string_view name, std::string_view reached = "10.0.0.1") {
        const auto no = refuse_host(name, session_stage::connected, *ip_address::parse(reached));
        return no ? no->code : 0;
    };
    for (const auto* name : {"ftp.example.org", "localhost", "10.0.0.1", "[10.0.0.1]"}) EXPECT_EQ(host(name), 0) << name;
    for (const auto* name : {"10.0.0.2", "[10.0.0.2]", "[::1]", "::1", "a:21", "a/b", "a b", "[", "[]", "u@h", "[a]b"})
        EXPECT_EQ(host(name), 504) << name;
    for (const auto* name : {"2001:db8::1", "[2001:db8::1]", "[2001:DB8:0::1]", "ftp.example.org"})
        EXPECT_EQ(host(name, "2001:db8::1"), 0) << name;
    EXPECT_EQ(host("[fe80::1]", "fe80::1%1"), 0) << "the zone is not compared";
    EXPECT_EQ(refuse_host("a", session_stage::user_given, {})->code, 503);
    EXPECT_EQ(refuse_host("a", session_stage::logged_in, {})->code, 503);
}

}  // namespace
}  // namespace sallyport::proto
