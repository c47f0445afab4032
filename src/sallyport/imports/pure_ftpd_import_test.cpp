#include <sallyport/imports/pure_ftpd_import.hpp>

#include <algorithm>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <sallyport/imports/import_test.hpp>
#include <sallyport/imports/pure_ftpd_settings.hpp>

namespace sallyport::imports {
namespace {

result<std::string> nothing_included(const std::string& path) { return fail(errc::not_found, path + ": no such file"); }

import_result import_pure(const result<pure_options>& options, const std::string& users = "") {
    EXPECT_TRUE(options) << options.error().what;
    if (!options) return {};
    auto done = import_pure_ftpd(*options, users);
    EXPECT_TRUE(done) << done.error().what;
    return done ? std::move(*done) : import_result();
}

import_result import_pure_words(const std::string& words, const std::string& users = "") {
    return import_pure(read_pure_ftpd_words(words), users);
}

import_result import_pure_conf(const std::string& text, const std::string& users = "") {
    return import_pure(read_pure_ftpd_conf({"pure.conf", text}, nothing_included), users);
}

std::string pure_failure(const result<pure_options>& options) {
    if (!options) return options.error().what;
    const auto done = import_pure_ftpd(*options, "");
    return done ? "none" : done.error().what;
}

TEST(pure_ftpd_import, the_defaults_of_pure_ftpd_are_written_out) {
    const auto done = import_pure_words("");
    for (const char* line :
         {"listen = [\"[::]:21\"]", "max-sessions = 50", "max-sessions-per-address = 8", "idle-timeout = 900", "[anonymous]",
          "message-file = \".message\"", "rights = [\"list\", \"read\", \"write\"]", "file-mode = \"0644\"",
          "directory-mode = \"0755\"",
          "rights = [\"list\", \"read\", \"write\", \"append\", \"delete\", \"rename\", \"mkdir\", \"overwrite\"]"})
        EXPECT_TRUE(has_line(done.toml, line)) << line << "\n" << done.toml;
    EXPECT_FALSE(done.is_less_safe());
}

TEST(pure_ftpd_import, three_forms_of_the_same_options) {
    const std::string words =
        "/usr/sbin/pure-ftpd -AE -p40000:40099 --forcepassiveip=192.0.2.1 -I 5 --userbandw 10:20 -U 077 -S 127.0.0.1,2121 "
        "-L 10000:8 -Y 2 -2 /a.pem -K";
    const auto by_words = import_pure_words(words).toml;
    const auto by_conf =
        import_pure_conf(
            "# options\nChrootEveryone yes\nNoAnonymous\tyes\nPassivePortRange 40000 40099\nforcepassiveip 192.0.2.1\n"
            "MaxIdleTime 5\r\nUserBandwidth 10:20\nUmask 077\nBind 127.0.0.1,2121\nLimitRecursion 10000 8\nTLS 2\n"
            "CertFile \"/a.pem\"\nKeepAllFiles on\nAntiWarez no\n")
            .toml;
    EXPECT_EQ(by_words, by_conf);
    const auto files = import_pure(read_pure_ftpd_directory(
        {{"/etc/pure-ftpd/conf/NoAnonymous", "yes\n"}, {"/etc/pure-ftpd/conf/Umask", "077\n"}, {"/e/MaxIdleTime", "5"}}));
    EXPECT_FALSE(files.toml.contains("[anonymous]"));
    for (const char* line : {"passive-ports = \"40000-40099\"", "max-sessions = 50", "external-address = [\"192.0.2.1\"]",
                             "idle-timeout = 300", "upload-rate = 10240", "download-rate = 20480", "file-mode = \"0700\"",
                             "listen = [\"127.0.0.1:2121\"]", "tls-required = true", "tls-cert = [\"/a.pem\"]",
                             "rights = [\"list\", \"read\", \"write\", \"append\", \"rename\", \"mkdir\", \"overwrite\"]"})
        EXPECT_TRUE(has_line(by_words, line)) << line << "\n" << by_words;
}

TEST(pure_ftpd_import, users_of_pure_pw) {
    const auto done =
        import_pure_conf("NoAnonymous yes\nPureDB /etc/pureftpd.pdb\n",
                         fmt::format("partner:{}:2001:2001::/srv/ftp/partner/./:500000:500000:::10:1000:104857600:::"
                                     "203.0.113.0/24::0800-2000\nlocked:*:1:1::/x/./::::::::::::\n",
                                     imported_hash));
    for (const char* line : {"[user.\"partner\"]", "home = \"/srv/ftp/partner\"", "upload-rate = 500000",
                             "max-sessions = 10", "quota-files = 1000", "quota-bytes = 104857600"})
        EXPECT_TRUE(has_line(done.toml, line)) << line << "\n" << done.toml;
    EXPECT_FALSE(done.toml.contains("locked"));
    EXPECT_NE(done.report("pure-ftpd", "pure.conf", ' ').find("user locked: left out: it is locked"), std::string::npos);
    EXPECT_TRUE(import_pure_conf("", fmt::format("bob:{}:19000:0:99999:7:::\n", imported_hash)).is_less_safe()) << "no home";
}

TEST(pure_ftpd_import, users_of_the_system_log_in_through_pam) {
    for (const char* words : {"", "-l pam", "-l puredb:/etc/p.pdb -l pam"}) {
        const auto toml = import_pure_words(words).toml;
        for (const char* line : {"pam = \"pure-ftpd\"", "home = \"~\""}) EXPECT_TRUE(has_line(toml, line)) << words << toml;
    }
    EXPECT_TRUE(has_line(import_pure_conf("UnixAuthentication yes\nPAMAuthentication no\n").toml, "pam = \"sallyport\""));
    for (const char* words : {"-l puredb:/etc/p.pdb", "-l ldap:/etc/ldap", "-e"})
        EXPECT_FALSE(import_pure_words(words).toml.contains("pam =")) << words;
    const auto with_users =
        import_pure_conf("PAMAuthentication yes\n", fmt::format("bob:{}:1:1::/srv/bob:/bin/sh\n", imported_hash));
    EXPECT_FALSE(with_users.toml.contains("pam =")) << "sections take its place";
}

TEST(pure_ftpd_import, dot_files_quotas_and_anonymous_users) {
    const auto done = import_pure_conf(
        "ProhibitDotFilesWrite yes\nAnonymousCantUpload yes\nAnonymousCanCreateDirs yes\nAntiWarez yes\nQuota 1000:10\n"
        "PerUserLimits 3:20\nAutoRename yes\nAnonymousBandwidth 8\nTLS 3\n");
    for (const char* line :
         {"deny = [\".*\"]", "rights = [\"list\", \"read\", \"mkdir\"]", "file-mode = \"0640\"", "quota-files = 1000",
          "quota-bytes = 10485760", "quota-bytes = 0", "max-sessions = 3", "max-sessions = 20", "upload-rate = 8192",
          "download-rate = 8192", "rights = [\"list\", \"read\", \"write\", \"append\", \"delete\", \"rename\", \"mkdir\"]",
          "tls-cert = [\"/etc/ssl/private/pure-ftpd.pem\"]"})
        EXPECT_TRUE(has_line(done.toml, line)) << line << "\n" << done.toml;
    EXPECT_FALSE(done.is_less_safe()) << done.report("pure-ftpd", "pure.conf", ' ');
}

TEST(pure_ftpd_import, what_would_be_less_safe_is_said) {
    for (const char* words : {"-k 90", "-m 4", "-q 1:5", "-Q 1:5", "-V 192.0.2.1", "-Y 2 -J -C:HIGH", "-R"})
        EXPECT_TRUE(import_pure_words(words).is_less_safe()) << words;
    for (const char* words : {"-w -W", "-l pam -l unix", "-l ldap:/etc/x", "-b", "-Y 2 -J HIGH", "-R -r"})
        EXPECT_FALSE(import_pure_words(words).is_less_safe()) << words;
}

TEST(pure_ftpd_import, every_option_of_the_source_has_one_line) {
    std::string all;
    for (const auto& s : pure_ftpd_settings) {
        if (s.name == "Include") continue;
        const auto* const value = s.form == pure_value::none     ? "yes"
                                  : s.name == "Bind"             ? "127.0.0.1,21"
                                  : s.name == "PassivePortRange" ? "40000 40099"
                                  : s.name == "TLS"              ? "1"
                                                                 : "22";
        all += fmt::format("{} {}\n", s.name, value);
    }
    for (const std::string& after : {std::string(), std::string("NoAnonymous no\n"), std::string("TLS 0\n")}) {
        const auto text = all + after;
        const auto done = import_pure_conf(text);
        const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n'));
        for (std::size_t line = 1; line <= lines; ++line)
            EXPECT_EQ(std::ranges::count(done.settings, line, &imported_setting::line), 1) << line << ": " << after;
    }
}

TEST(pure_ftpd_import, what_pure_ftpd_refuses_is_an_error) {
    for (const auto& [words, cause] : {std::pair("-A --nonsense", "word 2: unknown option 'nonsense'"),
                                       {"-?", "word 1: unknown option '-?'"},
                                       {"x", "word 1: is no option"},
                                       {"-p", "word 1: PassivePortRange needs a value"},
                                       {"-p 9:1", "PassivePortRange needs two ports"},
                                       {"-Y 7", "TLS needs a number from 0 to 3"},
                                       {"-U x", "Umask needs two octal numbers"},
                                       {"-c many", "needs one or two numbers"},
                                       {"--chrooteveryone=no", "takes no value"},
                                       {"-S 1.2.3.4,x", "Bind needs ADDRESS,PORT"},
                                       {"--", "unknown option"}})
        EXPECT_NE(pure_failure(read_pure_ftpd_words(words)).find(cause), std::string::npos)
            << words << ": " << pure_failure(read_pure_ftpd_words(words));
    for (const auto& [text, cause] :
         {std::pair("\nChrootEverybody yes\n", "pure.conf, line 2: unknown option 'ChrootEverybody'; did you"),
          {"NoAnonymous perhaps\n", "line 1: NoAnonymous needs yes or no"},
          {"Umask\n", "line 1: Umask needs a value"},
          {"Include /x\n", "pure.conf, line 1: /x: no such file"}})
        EXPECT_NE(pure_failure(read_pure_ftpd_conf({"pure.conf", text}, nothing_included)).find(cause), std::string::npos)
            << text;
    EXPECT_NE(pure_failure(read_pure_ftpd_directory({{"/e/NoAnonymous", "yes\nno\n"}})).find("has one line"),
              std::string::npos);
    EXPECT_NE(pure_failure(read_pure_ftpd_directory({{"/e/README", "x\n"}})).find("unknown option 'README'"),
              std::string::npos);
}

}  // namespace
}  // namespace sallyport::imports
