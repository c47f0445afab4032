#include <sallyport/imports/vsftpd_import.hpp>

#include <algorithm>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <sallyport/imports/import_test.hpp>
#include <sallyport/imports/vsftpd_settings.hpp>

namespace sallyport::imports {
namespace {

const import_file_reader user_list = [](const std::string& path) -> result<std::string> {
    if (path == "/etc/ftpusers") return std::string("dora\n");
    if (path == "/etc/listed") return std::string("# users\nbob\nanonymous\nftp\n");
    return fail(errc::not_found, path + ": no such file");
};

const import_sources vsftpd_sources{
    .include = [](const std::string& path) -> result<std::vector<import_file>> {
        if (path != "/etc/users") return fail(errc::not_found, path + ": no such directory");
        return std::vector<import_file>{
            {"/etc/users/alice", "local_root=/srv/partner\nlocal_max_rate=5\nhide_file={*.tmp}\n"},
            {"/etc/users/bob", "write_enable=NO\nlocal_max_rate=0\nmax_clients=7\n"}};
    },
    .read = user_list};

result<import_result> import_text(const std::string& text, const std::string& users = "") {
    return import_vsftpd({"v.conf", text}, users, vsftpd_sources);
}

std::string toml_of(const std::string& text, const std::string& users = "") {
    const auto done = import_text(text, users);
    return done ? done->toml : done.error().text();
}

TEST(vsftpd_import, the_defaults_of_vsftpd_are_written_out) {
    const auto done = import_text("");
    ASSERT_TRUE(done);
    for (const char* line : {"listen = [\"0.0.0.0:21\"]", "[anonymous]", "rights = [\"list\", \"read\"]",
                             "world-readable-only = true", "file-mode = \"0600\"", "directory-mode = \"0700\"",
                             "idle-timeout = 300", "max-sessions = 2000", "max-sessions-per-address = 50"})
        EXPECT_TRUE(has_line(done->toml, line)) << line << "\n" << done->toml;
    EXPECT_FALSE(done->is_less_safe());
    for (const auto& s : done->settings) EXPECT_EQ(s.line, 0U) << s.key;
    EXPECT_NE(done->report("vsftpd", "vsftpd.conf").find("default of vsftpd: anonymous_enable=YES: taken over: [anonymous]"),
              std::string::npos);
}

TEST(vsftpd_import, a_mirror) {
    const auto toml = toml_of(
        "listen_ipv6=YES\nanon_root=/srv/mirror\nanon_max_rate=500000\npasv_min_port=40000\npasv_max_port=40100\n"
        "deny_file={*.key,.ht*}\nftpd_banner=Say \"friend\".\n");
    for (const char* line :
         {"listen = [\"[::]:21\"]", "home = \"/srv/mirror\"", "download-rate = 500000", "passive-ports = \"40000-40100\"",
          "deny = [\"*.key\", \".ht*\"]", "greeting = \"Say \\\"friend\\\".\""})
        EXPECT_TRUE(has_line(toml, line)) << line << "\n" << toml;
}

TEST(vsftpd_import, texts) {
    const auto toml = toml_of("ftpd_banner=Hello.\nbanner_file=/etc/ftp.banner\ndirmessage_enable=YES\n");
    for (const char* line : {"banner-file = \"/etc/ftp.banner\"", "message-file = \".message\""})
        EXPECT_TRUE(has_line(toml, line)) << line << "\n" << toml;
    EXPECT_FALSE(toml.contains("greeting")) << "vsftpd does not show it either";
    EXPECT_TRUE(has_line(toml_of("dirmessage_enable=YES\nmessage_file=README\n"), "message-file = \"README\""));
    for (const char* text : {"", "message_file=README\n", "dirmessage_enable=YES\nmessage_file=/etc/motd\n"})
        EXPECT_FALSE(toml_of(text).contains("message-file")) << text;
}

TEST(vsftpd_import, a_drop_box) {
    const auto toml = toml_of(
        "write_enable=YES\nanon_upload_enable=YES\nanon_mkdir_write_enable=YES\ndownload_enable=NO\ndirlist_enable=NO\n");
    EXPECT_TRUE(has_line(toml, "rights = [\"write\", \"mkdir\"]")) << toml;
    EXPECT_TRUE(has_line(toml, "file-mode = \"0600\"")) << toml;
    EXPECT_TRUE(has_line(toml, "directory-mode = \"0755\"")) << "or what they make could not be entered";
    // Without write_enable, the others have no effect.
    EXPECT_TRUE(has_line(toml_of("anon_upload_enable=YES\n"), "rights = [\"list\", \"read\"]"));
}

TEST(vsftpd_import, local_users_with_tls) {
    const std::string text =
        "anonymous_enable=NO\nlocal_enable=YES\nwrite_enable=YES\nlocal_umask=022\nuser_sub_token=$USER\n"
        "local_root=/home/$USER/ftp\nssl_enable=YES\nrsa_cert_file=/etc/ftp.pem\nforce_local_data_ssl=YES\n";
    const auto toml = toml_of(text,
                              "bob:$1$saltsalt$9xy1btjgzLYfb7hivXtC//:19000:0:99999:7:::\nroot:*:19000::::::\n"
                              "eve:plain:1:2:3:4:5:6:7\n");
    for (const char* line :
         {"home = \"/home/{user}/ftp\"", "file-mode = \"0644\"", "tls-cert = [\"/etc/ftp.pem\"]", "tls-required = true",
          "tls-reuse = \"require\"",
          "rights = [\"list\", \"read\", \"write\", \"append\", \"delete\", \"rename\", \"mkdir\", \"overwrite\"]",
          "[user.\"bob\"]", "password = \"$1$saltsalt$9xy1btjgzLYfb7hivXtC//\""})
        EXPECT_TRUE(has_line(toml, line)) << line << "\n" << toml;
    EXPECT_FALSE(toml.contains("[anonymous]"));
    EXPECT_FALSE(toml.contains("[user.\"root\"]"));
    EXPECT_FALSE(toml.contains("[user.\"eve\"]"));
    const std::string root = "root:$1$saltsalt$9xy1btjgzLYfb7hivXtC//\n";
    EXPECT_FALSE(toml_of(text, root).contains("[user.\"root\"]"));
    EXPECT_TRUE(has_line(toml_of("implicit_ssl=YES\nlisten_port=990\nssl_enable=YES\n"), "listen-tls = [\"0.0.0.0:990\"]"));
}

TEST(vsftpd_import, users_of_the_system_log_in_through_pam) {
    const std::string text = "local_enable=YES\npam_service_name=vsftpd\nlisten_ipv6=YES\n";
    const auto toml = toml_of(text);
    for (const char* line : {"pam = \"vsftpd\"", "home = \"~\""}) EXPECT_TRUE(has_line(toml, line)) << line << "\n" << toml;
    EXPECT_FALSE(toml.contains("pam-users"));
    const auto report = import_text(text)->report("vsftpd", "v.conf");
    EXPECT_NE(
        report.find("line 2: pam_service_name=vsftpd: nearest equivalent: pam = \"vsftpd\"; files are used as the user of "
                    "the process, see --run-as, not as the user who logs in\n"),
        std::string::npos)
        << report;
    // Sections take its place, and virtual users are none of the system.
    for (const auto& other :
         {toml_of(text, "bob:$1$saltsalt$9xy1btjgzLYfb7hivXtC//\n"), toml_of(text + "guest_enable=YES\n"), toml_of("")}) {
        EXPECT_FALSE(other.contains("pam =")) << other;
        EXPECT_FALSE(other.contains("home = \"~\"")) << other;
    }
    // What owners and modes refused them in a common directory.
    EXPECT_TRUE(import_text(text + "write_enable=YES\nlocal_root=/srv\n")->is_less_safe());
    EXPECT_FALSE(import_text(text + "write_enable=YES\nlocal_root=/srv/$USER\nuser_sub_token=$USER\n")->is_less_safe());
}

TEST(vsftpd_import, the_list_of_users) {
    const std::string list = "local_enable=YES\nuserlist_enable=YES\nuserlist_file=/etc/listed\n";
    const auto refused = toml_of(list);
    EXPECT_TRUE(has_line(refused, "[user.\"bob\"]\nexpires = 1970-01-01")) << refused;
    EXPECT_FALSE(refused.contains("pam-users"));
    EXPECT_FALSE(refused.contains("[anonymous]")) << "vsftpd refuses them as well";
    const auto only = toml_of(list + "userlist_deny=NO\n");
    EXPECT_TRUE(has_line(only, "pam-users = \"listed\"")) << only;
    EXPECT_TRUE(has_line(only, "[user.\"bob\"]")) << only;
    EXPECT_FALSE(only.contains("expires"));
    EXPECT_TRUE(has_line(only, "[anonymous]")) << only;
    for (const auto& text : {list, list + "userlist_deny=NO\n"}) EXPECT_FALSE(import_text(text)->is_less_safe()) << text;
    // Hashes in place of PAM.
    const std::string users = "bob:$1$saltsalt$9xy1btjgzLYfb7hivXtC//\neve:$1$saltsalt$9xy1btjgzLYfb7hivXtC//\n";
    EXPECT_FALSE(toml_of(list, users).contains("[user.\"bob\"]"));
    EXPECT_TRUE(toml_of(list, users).contains("[user.\"eve\"]"));
    EXPECT_FALSE(toml_of(list + "userlist_deny=NO\n", users).contains("[user.\"eve\"]"));
    EXPECT_FALSE(toml_of(list, "dora:$1$saltsalt$9xy1btjgzLYfb7hivXtC//\n").contains("[user.\"dora\"]")) << "/etc/ftpusers";
    // A list that cannot be read could refuse someone.
    EXPECT_TRUE(import_text("local_enable=YES\nuserlist_enable=YES\n")->is_less_safe());
    EXPECT_TRUE(import_text("local_enable=YES\nuserlist_enable=YES\n", users)->is_less_safe());
}

TEST(vsftpd_import, commands_become_rights) {
    const std::string text = "anonymous_enable=NO\nlocal_enable=YES\nwrite_enable=YES\n";
    const auto rights = [&text](const std::string& lines) {
        const auto toml = toml_of(text + lines);
        const auto start = toml.find("rights = ", toml.find("[default]")) + 9;
        return toml.substr(start, toml.find('\n', start) - start);
    };
    EXPECT_EQ(rights("cmds_denied=dele,RMD\n"), R"(["list", "read", "write", "append", "rename", "mkdir", "overwrite"])");
    EXPECT_EQ(rights("cmds_denied=STOR\n"), R"(["list", "read", "append", "delete", "rename", "mkdir"])");
    EXPECT_EQ(rights("cmds_allowed=USER,PASS,LIST,RETR,RNFR\n"), R"(["list", "read"])");
    EXPECT_EQ(rights("cmds_allowed=LIST,STOR\ncmds_denied=LIST\n"), R"(["write", "overwrite"])");
    EXPECT_FALSE(import_text(text + "cmds_denied=DELE,RMD\n")->is_less_safe());
    const auto made = import_text(text + "cmds_denied=DELE,SITE,PORT,QUIT,NONSENSE\n");
    EXPECT_FALSE(made->is_less_safe());
    EXPECT_TRUE(has_line(made->toml, "refuse-commands = [\"PORT\", \"SITE\"]"));
    EXPECT_TRUE(has_line(toml_of(text + "cmds_allowed=USER,PASS,LIST,STOR\n"), "refuse-commands = [\"SITE\"]"));
}

TEST(vsftpd_import, uploads_that_are_cut_off) {
    EXPECT_TRUE(has_line(toml_of("write_enable=YES\n"), "partial-uploads = \"keep\""));
    EXPECT_FALSE(toml_of("write_enable=YES\ndelete_failed_uploads=YES\n").contains("partial-uploads"));
    EXPECT_FALSE(toml_of("").contains("partial-uploads"));
}

TEST(vsftpd_import, files_of_single_users) {
    const std::string text =
        "anonymous_enable=NO\nlocal_enable=YES\nwrite_enable=YES\nlocal_root=/srv/$USER\nuser_sub_token=$USER\n"
        "local_max_rate=9\nuser_config_dir=/etc/users\n";
    const auto done = import_text(text);
    ASSERT_TRUE(done) << done.error().text();
    for (const char* const section :
         {"[user.\"alice\"]\ndownload-rate = 5\nhide = [\"*.tmp\"]\nhome = \"/srv/partner\"\nupload-rate = 5",
          "[user.\"bob\"]\nrights = [\"list\", \"read\"]\ndownload-rate = 0\nupload-rate = 0"})
        EXPECT_TRUE(has_line(done->toml, section)) << section << "\n" << done->toml;
    EXPECT_FALSE(done->is_less_safe()) << done->report("vsftpd", "v.conf");
    const auto report = done->report("vsftpd", "v.conf");
    for (const char* const line :
         {"/etc/users/alice, line 1: local_root=/srv/partner: taken over: the section of this user\n",
          "/etc/users/bob, line 3: max_clients=7: nearest equivalent: it counts for all accounts\n"})
        EXPECT_NE(report.find(line), std::string::npos) << report;
    // With hashes, for those that have one; a list that names others does not open them.
    const std::string users = "bob:$1$saltsalt$9xy1btjgzLYfb7hivXtC//\n";
    const auto hashed = toml_of(text, users);
    EXPECT_TRUE(hashed.contains("rights = [\"list\", \"read\"]\ndownload-rate = 0")) << hashed;
    EXPECT_FALSE(hashed.contains("alice"));
    const auto listed = toml_of(text + "userlist_enable=YES\nuserlist_deny=NO\nuserlist_file=/etc/listed\n");
    EXPECT_TRUE(listed.contains("[user.\"bob\"]\nrights")) << listed;
    EXPECT_FALSE(listed.contains("alice")) << listed;
    EXPECT_NE(toml_of("user_config_dir=/nowhere\n").find("[default]"), std::string::npos);
    EXPECT_TRUE(import_text("user_config_dir=/nowhere\n")->is_less_safe());
}

TEST(vsftpd_import, virtual_users_have_the_rights_of_anonymous_ones) {
    const std::string guests = "anonymous_enable=NO\nguest_enable=YES\nlocal_root=/srv\nwrite_enable=YES\n";
    EXPECT_TRUE(has_line(toml_of(guests), "rights = [\"list\", \"read\"]"));
    EXPECT_TRUE(has_line(toml_of(guests + "anon_upload_enable=YES\n"), "rights = [\"list\", \"read\", \"write\"]"));
    EXPECT_TRUE(toml_of(guests + "virtual_use_local_privs=YES\n").contains("\"overwrite\""));
    const auto report = import_text(guests + "pam_service_name=vsftpd.virtual\n")->report("vsftpd", "v.conf");
    EXPECT_NE(report.find("pam_service_name=vsftpd.virtual: nearest equivalent: virtual users need a section"),
              std::string::npos);
}

TEST(vsftpd_import, what_would_be_less_safe_is_said) {
    for (const char* text :
         {"tcp_wrappers=YES\n", "user_config_dir=/etc/vsftpd\n", "deny_file={a{b,c}}\n", "guest_enable=YES\n",
          "ssl_enable=YES\nrequire_cert=YES\n", "write_enable=YES\nchmod_enable=NO\n"})
        EXPECT_TRUE(import_text(text).value().is_less_safe()) << text;
    for (const char* text :
         {"tcp_wrappers=NO\n", "cmds_denied=\n", "cmds_denied=DELE\n", "cmds_allowed=USER,PASS\n", "hide_ids=YES\n",
          "chmod_enable=NO\n", "local_enable=YES\n", "local_enable=YES\nlocal_root=/srv/$USER\n"})
        EXPECT_FALSE(import_text(text).value().is_less_safe()) << text;
}

TEST(vsftpd_import, every_setting_of_the_source_has_a_line) {
    std::string all;
    for (const auto& s : vsftpd_settings) all += fmt::format("{}={}\n", s.key, s.value.empty() ? "x" : s.value);
    for (const std::string& before : {std::string(), std::string("ssl_enable=YES\n"), std::string("anonymous_enable=NO\n"),
                                      std::string("local_enable=YES\n"), std::string("userlist_enable=YES\n")}) {
        const auto done = import_text(all + before);
        ASSERT_TRUE(done) << done.error().text();
        const auto lines = std::ranges::count(all + before, '\n');
        for (std::size_t line = 1; line <= static_cast<std::size_t>(lines); ++line)
            EXPECT_EQ(std::ranges::count(done->settings, line, &imported_setting::line), 1) << line;
    }
}

TEST(vsftpd_import, what_vsftpd_refuses_is_an_error) {
    for (const auto& [text, cause] : {std::pair("\nlisten\n", "line 2: 'listen' has no '='"),
                                      {"listne=YES\n", "line 1: unknown setting 'listne'; did you mean listen?"},
                                      {"listen=perhaps\n", "line 1: listen needs YES or NO"},
                                      {"listen_port=x\n", "line 1: listen_port needs a number"},
                                      {"anon_umask=9\n", "line 1: anon_umask needs an octal number"},
                                      {" listen=YES\n", "line 1: unknown setting"}})
        EXPECT_NE(toml_of(text).find(cause), std::string::npos) << toml_of(text);
    EXPECT_NE(toml_of("", "bob\n").find("--users, line 1: has 1 fields"), std::string::npos);
    // The last one counts, as in vsftpd.
    EXPECT_TRUE(has_line(toml_of("listen_port=2121\nlisten_port=2122\n"), "listen = [\"0.0.0.0:2122\"]"));
}

}  // namespace
}  // namespace sallyport::imports
