#include <sallyport/proto/server_information.hpp>

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

namespace sallyport::proto {
namespace {

[[nodiscard]] bool has_line(const reply& r, std::string_view text) {
    return std::ranges::find(r.lines, text) != r.lines.end();
}

TEST(server_information, feat_lists_offered_features) {
    const auto plain = feat_reply({}, {});
    EXPECT_EQ(plain.code, 211);
    EXPECT_TRUE(has_line(plain, "EPSV"));
    EXPECT_TRUE(has_line(plain, "UTF8"));
    EXPECT_FALSE(has_line(plain, "AUTH TLS"));
    EXPECT_FALSE(has_line(plain, "CCC"));
    const auto secure = feat_reply({.tls = true, .ccc = true, .passive = false, .active = false}, {});
    EXPECT_TRUE(has_line(secure, "AUTH TLS"));
    EXPECT_TRUE(has_line(secure, "CCC"));
    EXPECT_FALSE(has_line(secure, "EPSV"));
    EXPECT_FALSE(has_line(secure, "EPRT"));
}

TEST(server_information, feat_marks_the_selected_facts) {
    session_options selected;
    EXPECT_EQ(opts_reply("MLST size;modify;", selected).text(), "MLST OPTS size;modify;");
    EXPECT_TRUE(has_line(feat_reply({}, selected), "MLST " + selected.facts.feat()));
    EXPECT_FALSE(selected.facts.type);
    EXPECT_EQ(opts_reply("utf8  on", selected).code, 200);
    EXPECT_EQ(opts_reply("UTF8 OFF", selected).code, 501);
    EXPECT_EQ(opts_reply("MODE Z", selected).code, 501);
    EXPECT_FALSE(selected.facts.type) << "only OPTS MLST changes them";
}

TEST(server_information, OPTS_HASH_selects_an_algorithm) {
    session_options selected;
    EXPECT_TRUE(has_line(feat_reply({}, selected), "HASH SHA-256*;SHA-512;SHA-1;MD5;CRC32"));
    EXPECT_EQ(opts_reply("HASH", selected), (reply{200, {"SHA-256"}}));
    EXPECT_EQ(opts_reply("hash sha-512", selected), (reply{200, {"SHA-512"}}));
    EXPECT_EQ(opts_reply("HASH SHA-3", selected).code, 504);
    EXPECT_EQ(opts_reply("HASH", selected), (reply{200, {"SHA-512"}}));
    EXPECT_TRUE(has_line(feat_reply({}, selected), "HASH SHA-256;SHA-512*;SHA-1;MD5;CRC32"));
}

// RX-08
TEST(server_information, its_replies_before_the_login_are_short) {
    const server_offer all{.tls = true, .ccc = true, .doctor = true};
    for (const reply& r : {feat_reply(all, {}), help_reply("", all)}) {
        std::string sent;
        append_reply(sent, r);
        EXPECT_LT(sent.size(), 512U) << sent;
    }
}

TEST(server_information, help_lists_offered_commands) {
    EXPECT_EQ(help_reply("retr", {}).text(), "Syntax: RETR <SP> pathname");
    EXPECT_EQ(help_reply("STOU", {}).text(), "Syntax: STOU[<SP> pathname]");
    EXPECT_EQ(help_reply("AUTH", {}).code, 502);
    EXPECT_EQ(help_reply("AUTH", {.tls = true}).code, 214);
    EXPECT_EQ(help_reply("ACCT", {.tls = true}).code, 502);
    EXPECT_EQ(help_reply("SITE", {}).text(), "Syntax: SITE HELP, SITE CHMOD mode name or SITE UTIME time name");
    EXPECT_NE(help_reply("", {}).full_text().find("RETR"), std::string::npos);
    EXPECT_EQ(help_reply("", {}).full_text().find("AUTH"), std::string::npos);
}

// CVE-2004-2111 CVE-2015-3306 CVE-2019-12815.
TEST(server_information, there_is_one_language_and_no_dangerous_site_command) {
    for (const auto* good : {"", "en", "EN-us"}) EXPECT_EQ(lang_reply(good).code, 200) << good;
    EXPECT_EQ(lang_reply("de").code, 504);
    EXPECT_EQ(site_reply("help ", {}).code, 214);
    for (const auto* dangerous : {"EXEC ls", "CPFR f", "CPTO g", "CHGRP 0 f", "SYMLINK f g"})
        EXPECT_EQ(site_reply(dangerous, {}).code, 504);
    EXPECT_EQ(site_reply("DOCTOR", {}).code, 504);
    EXPECT_EQ(site_reply("HELP", {.doctor = true}).text(), "SITE supports only CHMOD, UTIME, DOCTOR and HELP.");
}

TEST(server_information, status_shows_the_session) {
    session_status session{.client = *ip_address::parse("192.0.2.7"), .user = "bob", .data = "no data connection"};
    EXPECT_EQ(stat_reply(session), (reply{211,
                                          {"Status:", " Connected from 192.0.2.7", " Logged in as bob",
                                           " Type: ASCII, structure: file, mode: stream",
                                           " Control connection: unencrypted, data connections: unencrypted",
                                           " Transfer: none; no data connection", "End of status."}}));
    session.transfer = verb::stor;
    EXPECT_TRUE(has_line(stat_reply(session), " Transfer: STOR is running"));
}

}  // namespace
}  // namespace sallyport::proto
