#include <sallyport/imports/proftpd_import.hpp>

#include <algorithm>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <sallyport/imports/import_test.hpp>
#include <sallyport/imports/proftpd_directives.hpp>

namespace sallyport::imports {
namespace {

const import_sources no_files{
    .include = [](const std::string&) { return std::vector<import_file>(); },
    .read = [](const std::string& path) -> result<std::string> {
        if (path == "/etc/groups") return std::string("staff:x:50:alice\nftp:x:60:\n");
        if (path == "/etc/passwd.ftp")
            return fmt::format("alice:{0}:1001:1001::/srv/ftp/alice:/bin/sh\nbob:{0}:1002:60::/srv/ftp/bob:/bin/false\n",
                               imported_hash);
        return fail(errc::not_found, path + ": no such file");
    }};

import_result import_conf(const std::string& text, const std::string& host = "") {
    auto done = import_proftpd({.file = {"p.conf", text}, .virtual_host = host}, no_files);
    EXPECT_TRUE(done) << done.error().what << "\n" << text;
    return done ? std::move(*done) : import_result();
}

std::string failure_of_conf(const std::string& text, const std::string& host = "") {
    const auto done = import_proftpd({.file = {"p.conf", text}, .virtual_host = host}, no_files);
    return done ? "none" : done.error().what;
}

TEST(proftpd_import, the_defaults_of_proftpd_are_written_out) {
    const auto done = import_conf("");
    for (const char* line : {"listen = [\"[::]:21\"]", "idle-timeout = 600", "login-timeout = 300", "stall-timeout = 3600",
                             "max-sessions = 0", "file-mode = \"0644\"", "directory-mode = \"0755\"",
                             "rights = [\"list\", \"read\", \"write\", \"delete\", \"rename\", \"mkdir\"]"})
        EXPECT_TRUE(has_line(done.toml, line)) << line << "\n" << done.toml;
    EXPECT_FALSE(done.toml.contains("[anonymous]"));
    EXPECT_FALSE(done.is_less_safe());
    const auto report = done.report("proftpd", "p.conf", ' ');
    EXPECT_NE(report.find("default of proftpd: AllowOverwrite off: taken over: rights ="), std::string::npos) << report;
}

TEST(proftpd_import, users_with_their_hashes_homes_and_rights) {
    const auto done = import_conf(
        "AuthUserFile /etc/passwd.ftp\nAuthGroupFile /etc/groups\nDefaultRoot /srv/%u !staff\nDefaultRoot "
        "~\nRequireValidShell off\n"
        "<Limit DELE RMD>\n AllowGroup staff\n DenyAll\n</Limit>\n"
        "<Directory /srv/ftp/*/in>\n <Limit READ DIRS>\n  DenyAll\n </Limit>\n</Directory>\n");
    for (const char* line :
         {"[user.\"alice\"]", "password = \"$1$saltsalt$9xy1btjgzLYfb7hivXtC//\"", "home = \"/srv/ftp/alice\"",
          "home = \"/srv/bob\"", "[user.\"alice\".paths]", "\"/in\" = [\"write\", \"delete\", \"mkdir\"]",
          "rights = [\"list\", \"read\", \"write\", \"rename\", \"mkdir\"]",
          "rights = [\"list\", \"read\", \"write\", \"delete\", \"rename\", \"mkdir\"]"})
        EXPECT_TRUE(has_line(done.toml, line)) << line << "\n" << done.toml;
    EXPECT_FALSE(done.toml.contains("[user.\"bob\".paths]")) << "/srv/bob is not below /srv/ftp";
    EXPECT_FALSE(done.is_less_safe()) << done.report("proftpd", "p.conf", ' ');
    const auto shells = import_conf("AuthUserFile /etc/passwd.ftp\nDefaultRoot ~\n");
    EXPECT_FALSE(shells.toml.contains("[user.\"bob\"]")) << "its shell is none";
    EXPECT_TRUE(shells.toml.contains("[user.\"alice\"]"));
    const auto refused =
        import_conf("AuthUserFile /etc/passwd.ftp\nRequireValidShell off\n<Limit LOGIN>\nDenyUser alice\n</Limit>\n");
    EXPECT_FALSE(refused.toml.contains("[user.\"alice\"]"));
    EXPECT_TRUE(refused.toml.contains("[user.\"bob\"]"));
}

TEST(proftpd_import, shells_and_ftpusers_count_for_users_of_the_file) {
    const import_sources system{.include = no_files.include, .read = [](const std::string& path) -> result<std::string> {
                                    if (path == "/etc/shells")
                                        return std::string("# valid\n/bin/sh\n/bin/ftp # not by ssh\n");
                                    if (path == "/etc/ftpusers") return std::string("root\n  carol # may not log in\n");
                                    return fmt::format(
                                        "amy:{0}:1:1::/a:/bin/ftp\nbob:{0}:1:1::/b:/bin/other\ncarol:{0}:1:1::/c:/bin/sh\n",
                                        imported_hash);
                                }};
    const auto names = [&system](const std::string& lines) {
        const auto done = import_proftpd({.file = {"p.conf", "AuthUserFile /u\nDefaultRoot ~\n" + lines}}, system);
        std::string out;
        for (const auto* const name : {"amy", "bob", "carol"})
            if (done && done->toml.contains(fmt::format("[user.\"{}\"]", name))) out += fmt::format("{} ", name);
        return out;
    };
    EXPECT_EQ(names(""), "amy ");
    EXPECT_EQ(names("RequireValidShell off\n"), "amy bob ");
    EXPECT_EQ(names("UseFtpUsers off\n"), "amy carol ");
}

TEST(proftpd_import, users_of_the_system_log_in_through_pam) {
    const auto usual = import_conf("").toml;
    EXPECT_TRUE(has_line(usual, "pam = \"proftpd\"")) << usual;
    EXPECT_TRUE(has_line(usual, "home = \"~\"")) << usual;
    EXPECT_TRUE(
        has_line(import_conf("AuthOrder mod_auth_pam.c* mod_auth_unix.c\nAuthPAMConfig ftp\n").toml, "pam = \"ftp\""));
    const auto with_roots = import_conf("DefaultRoot /srv/%u\n");
    EXPECT_TRUE(has_line(with_roots.toml, "home = \"/srv/{user}\"")) << with_roots.toml;
    EXPECT_FALSE(with_roots.is_less_safe());
    EXPECT_TRUE(import_conf("DefaultRoot /srv\n").is_less_safe()) << "owners and modes do not separate them";
    // A file of users takes its place; rights that depend on the user need sections.
    for (const char* text : {"AuthUserFile /etc/passwd.ftp\n", "AuthOrder mod_sql.c\n",
                             "<Limit LOGIN>\nDenyUser bob\n</Limit>\n", "DefaultRoot ~ !staff\n",
                             "<Limit WRITE>\nAllowGroup staff\nDenyAll\n</Limit>\n", "<Limit LOGIN>\nDenyAll\n</Limit>\n"})
        EXPECT_FALSE(import_conf(text).toml.contains("pam =")) << text;
    EXPECT_TRUE(import_conf("AuthUserFile /etc/passwd.ftp id 1000-2000\n").is_less_safe()) << "ProFTPD ignores some of them";
}

TEST(proftpd_import, texts) {
    const auto done = import_conf(
        "DisplayConnect /etc/banner\nDisplayLogin /etc/welcome\n<Anonymous /srv/pub>\nUser ftp\nDisplayLogin welcome.msg\n"
        "DisplayChdir .message\n</Anonymous>\n");
    for (const char* line :
         {"banner-file = \"/etc/banner\"", "login-file = \"/etc/welcome\"", "message-file = \".message\""})
        EXPECT_TRUE(has_line(done.toml, line)) << line << "\n" << done.toml;
    EXPECT_TRUE(has_line(import_conf("DisplayChdir README on\n").toml, "message-file = \"README\""));
    for (const char* text : {"", "DisplayLogin welcome.msg\n", "DisplayChdir /etc/motd\n"})
        EXPECT_FALSE(import_conf(text).toml.contains("-file = \"")) << text;
}

TEST(proftpd_import, an_anonymous_tree) {
    const auto done = import_conf(
        "<Anonymous /srv/pub>\nUser ftp\nGroup nogroup\nUserAlias anonymous ftp\nMaxClients 10\n<Limit "
        "WRITE>\nDenyAll\n</Limit>\n"
        "<Directory incoming/*>\n<Limit READ DIRS>\nDenyAll\n</Limit>\n<Limit STOR STOU>\nAllowAll\n</Limit>\n</Directory>\n"
        "</Anonymous>\nTLSEngine on\nTLSRequired on\nTLSRSACertificateFile /c.pem\nTLSRSACertificateKeyFile /k.pem\n"
        "TLSOptions NoSessionReuseRequired\n");
    for (const char* line : {"[anonymous]", "home = \"/srv/pub\"", "max-sessions = 10", "rights = [\"list\", \"read\"]",
                             "[anonymous.paths]", "\"/incoming\" = [\"write\"]", "tls-cert = [\"/c.pem\"]",
                             "tls-key = [\"/k.pem\"]", "tls-reuse = \"prefer\"", "tls-required = true"})
        EXPECT_TRUE(has_line(done.toml, line)) << line << "\n" << done.toml;
    EXPECT_EQ(done.toml.find("tls-required"), done.toml.rfind("tls-required", done.toml.find("[default]"))) << "for all";
    EXPECT_NE(done.toml.find("tls-required", done.toml.find("[anonymous]")), std::string::npos) << "and for anonymous users";
    EXPECT_FALSE(done.is_less_safe()) << done.report("proftpd", "p.conf", ' ');
    const auto umask = import_conf("Umask 077\n<Anonymous /srv/pub>\nUser ftp\n</Anonymous>\n").toml;
    EXPECT_TRUE(has_line(umask.substr(umask.find("[anonymous]")), "file-mode = \"0600\"")) << umask;
    EXPECT_FALSE(import_conf("<Anonymous /srv/pub>\nUser ftp\n<Limit LOGIN>\nDenyAll\n</Limit>\n</Anonymous>\n")
                     .toml.contains("[anonymous]"));
    EXPECT_FALSE(
        import_conf("<Anonymous /srv/x>\nUser guest\nAnonRequirePassword on\n</Anonymous>\n").toml.contains("[anonymous]"));
}

TEST(proftpd_import, names_rates_quotas_and_limits) {
    const auto done = import_conf(
        "<Directory ~>\nHideFiles (^\\.|\\.part$)\n</Directory>\nPathDenyFilter \"\\.ftpaccess$\"\nDirFakeUser on "
        "ftp\nTransferRate RETR 100\n"
        "TransferRate STOR,APPE 1.5:1024\nMaxClients 50 \"no\"\nMaxInstances 30\nMaxClientsPerHost 5\nMaxClientsPerUser 2\n"
        "PassivePorts 50000 50099\nMasqueradeAddress ftp.example.org\nQuotaEngine on\n"
        "QuotaDefault user false hard 1048576 0 0 100 0 0\nBanEngine on\nBanOnEvent ClientConnectRate 10/00:00:20 00:10:00\n"
        "TimeoutIdle 5m\nUmask 027 022\nDenyFilter \\*.*/\n");
    for (const char* line :
         {"hide = [\".*\", \"*.part\"]", "deny = [\"*.ftpaccess\"]", "hide-ids = true", "download-rate = 102400",
          "upload-rate = 1536", "max-sessions = 30", "max-sessions-per-address = 5", "max-sessions = 2",
          "passive-ports = \"50000-50099\"", "external-address = [\"ftp.example.org\"]", "quota-bytes = 1048576",
          "quota-files = 100", "max-session-rate-per-address = 0.500", "idle-timeout = 300", "file-mode = \"0640\"",
          "directory-mode = \"0755\""})
        EXPECT_TRUE(has_line(done.toml, line)) << line << "\n" << done.toml;
    EXPECT_FALSE(done.is_less_safe()) << done.report("proftpd", "p.conf", ' ');
}

TEST(proftpd_import, what_would_be_less_safe_is_said) {
    for (const char* text :
         {"HideFiles a+\n", "PathAllowFilter x\n", "QuotaEngine on\nQuotaLimitTable file:/x\n",
          "<IfUser bob>\nUmask 077\n</IfUser>\n", "<Limit PORT>\nDenyAll\n</Limit>\n", "NoSuchDirective x\n",
          "<NoSuchSection>\nUmask 022\n</NoSuchSection>\n", "UserRatio bob 1 2 3 4\n", "TLSEngine on\n",
          "MaxStoreFileSize 10 Mb\n", "TransferRate RETR 5 user bob\n",
          "<Directory /srv>\n<Limit READ>\nDenyAll\n</Limit>\n</Directory>\n", "<IfDefine TLS>\nUmask 022\n</IfDefine>\n",
          "<Limit LOGIN>\nDeny from .example.org\n</Limit>\n", "<Anonymous ~ftp>\nUser ftp\n</Anonymous>\n",
          "AllowOverwrite on\n<Limit SITE_CHMOD>\nDenyAll\n</Limit>\n"})
        EXPECT_TRUE(import_conf(text).is_less_safe()) << text;
    for (const char* text :
         {"HideNoAccess off\n", "MaxStoreFileSize none\n", "<IfModule !mod_tls.c>\nPathAllowFilter x\n</IfModule>\n",
          "MaxStoreFileSize *\n", "DenyFilter none\n", "<Limit STOR>\nDenyAll\n</Limit>\n",
          "<Limit SITE_CHMOD>\nDenyAll\n</Limit>\n", "AllowOverwrite on\n<Limit SITE_CHMOD>\nAllowAll\n</Limit>\n",
          "AllowOverwrite on\n<Limit WRITE SITE_CHMOD>\nDenyAll\n</Limit>\n"})
        EXPECT_FALSE(import_conf(text).is_less_safe()) << text << import_conf(text).report("proftpd", "p.conf", ' ');
}

TEST(proftpd_import, one_of_several_servers) {
    const std::string text =
        "Port 2121\n<Global>\nUmask 077\nMaxClients 7\n</Global>\n<VirtualHost b.example.org>\nPort 2122\nUmask "
        "022\nDefaultRoot /srv/b\n"
        "</VirtualHost>\n";
    const auto main = import_conf(text);
    EXPECT_TRUE(has_line(main.toml, "listen = [\"[::]:2121\"]")) << main.toml;
    EXPECT_TRUE(has_line(main.toml, "file-mode = \"0600\"")) << main.toml;
    EXPECT_NE(main.report("proftpd", "p.conf", ' ')
                  .find("p.conf, line 7: Port 2122: dropped: another server: import it with "
                        "--virtual-host b.example.org"),
              std::string::npos)
        << main.report("proftpd", "p.conf", ' ');
    const auto other = import_conf(text, "B.example.org");
    for (const char* line : {"listen = [\"[::]:2122\"]", "file-mode = \"0644\"", "home = \"/srv/b\"", "max-sessions = 7"})
        EXPECT_TRUE(has_line(other.toml, line)) << line << other.toml;
    EXPECT_NE(failure_of_conf(text, "c.example.org").find("there is no <VirtualHost c.example.org>"), std::string::npos);
}

TEST(proftpd_import, every_line_of_the_source_has_one_line) {
    std::string all;
    for (const auto& row : proftpd_directives) {
        std::string name(row.name);
        if (name.starts_with('<'))
            all += fmt::format("{} x>\nUmask 022\nHideFiles a+\n</{}\n", name.substr(0, name.size() - 1), name.substr(1));
        else if (name != "Include")
            all += fmt::format("{} {}\n", name.ends_with('*') ? name.substr(0, name.size() - 1) + "X" : name,
                               name == "PassivePorts"                                   ? "1 2"
                               : name == "Umask"                                        ? "022"
                               : name == "Port"                                         ? "21"
                               : name == "TransferRate"                                 ? "RETR 5"
                               : name.starts_with("Max") || name.starts_with("Timeout") ? "5"
                                                                                        : "on");
    }
    for (const std::string& before :
         {std::string(), std::string("TLSEngine off\n"), std::string("<Limit LOGIN>\nDenyAll\n</Limit>\n")}) {
        auto text = all + before;
        std::erase_if(text, [](char c) { return c == '\0'; });
        // These two would name files.
        for (const char* const line : {"AuthUserFile on\n", "AuthGroupFile on\n"})
            text.erase(text.find(line), std::string(line).size());
        const auto done = import_conf(text);
        std::size_t number = 0;
        for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
            ++number;
            const auto row = text.substr(at, text.find('\n', at) - at);
            if (row.starts_with("</")) continue;
            EXPECT_EQ(std::ranges::count(done.settings, number, &imported_setting::line), 1) << number << ": " << row;
        }
    }
}

TEST(proftpd_import, what_proftpd_refuses_is_an_error) {
    for (const auto& [text, cause] : {std::pair("Port x\n", "p.conf, line 1: Port needs a number"),
                                      {"\nPort 0\n", "p.conf, line 2: Port 0: this server has no listener"},
                                      {"PassivePorts 9 1\n", "line 1: PassivePorts needs two ports"},
                                      {"Umask 9\n", "line 1: Umask needs one or two octal"},
                                      {"TimeoutIdle soon\n", "line 1: TimeoutIdle needs a number of seconds"},
                                      {"TransferRate RETR fast\n", "line 1: TransferRate needs"},
                                      {"AuthUserFile /nowhere\n", "line 1: /nowhere: no such file"},
                                      {"<Global>\n", "line 1: <Global> has no end"}})
        EXPECT_NE(failure_of_conf(text).find(cause), std::string::npos) << failure_of_conf(text);
    const auto users = import_proftpd({.file = {"p.conf", ""}, .virtual_host = {}, .users = "bob\n"}, no_files);
    ASSERT_FALSE(users);
    EXPECT_NE(users.error().what.find("--users, line 1: has 1 fields"), std::string::npos) << users.error().what;
}

}  // namespace
}  // namespace sallyport::imports
