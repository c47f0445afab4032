#include <sallyport/cli/account_sections.hpp>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <sallyport/cli/config_file.hpp>
#include <sallyport/server/access_policy.hpp>

namespace sallyport::cli {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using proto::verb;

class account_sections_test : public testing::Test {
protected:
    account_sections_test() {
        fs::create_directories(directory_ / "bob");
        fs::create_directories(directory_ / "in");
    }
    ~account_sections_test() override { fs::remove_all(directory_); }

    /// The settings of this configuration, or the error.
    result<server::settings> settings(const std::string& text, std::vector<server::user> of_options = {}) {
        std::ofstream(file_) << text;
        CLI::App command("", "serve");
        account_sections accounts;
        if (auto read = apply_config_file(command, file_, unknown_keys::refuse, &accounts); !read)
            return std::unexpected(read.error());
        server::settings out;
        out.users = std::move(of_options);
        if (auto added = accounts.add_to(out, directory_, vfs::sync_policy::none); !added)
            return std::unexpected(added.error());
        homes_ = accounts.homes(directory_);
        return out;
    }
    server::account account(const std::string& text) {
        auto all = settings(text);
        EXPECT_TRUE(all) << all.error().text();
        EXPECT_EQ(all->users.size(), 1U);
        return all->users.at(0).who;
    }
    std::string failure(const std::string& text) {
        const auto all = settings(text);
        return all ? "none" : all.error().text();
    }

    fs::path directory_ = fs::path(testing::TempDir()) / ("sallyport_sections_" + std::to_string(getpid()));
    std::string file_ = directory_ / "serve.toml";
    std::vector<std::string> homes_;
};

bool may(const server::account& who, verb command, std::string_view path) {
    return server::check_access(who, command, virtual_path().resolve(path).value()).has_value();
}

TEST_F(account_sections_test, a_user_alone_may_read) {
    const auto all = settings("[user.bob]\npassword = \"secret\"\n");
    ASSERT_TRUE(all) << all.error().text();
    EXPECT_EQ(all->users.at(0).password, "secret");
    const auto& who = all->users.at(0).who;
    EXPECT_EQ(who.name, "bob");
    EXPECT_EQ(who.rights, server::right_set::read_only());
    EXPECT_FALSE(who.open_files) << "it uses the directory of the server";
    EXPECT_FALSE(all->anonymous);
}

TEST_F(account_sections_test, every_key_has_its_effect) {
    const auto who = account(R"(
[user.bob]
password = "secret"
home = "{user}"
rights = ["list", "read", "delete"]
deny = ["*.key"]
hide = [".*"]
allow-from = ["192.0.2.0/24", "2001:db8::1"]
refuse_from = ["192.0.2.7"]
hours = ["00:00-24:00", "sat-mon 22:00-06:00"]
expires = 2030-01-02
tls-required = true
max-sessions = 3
quota-bytes = "1K"
quota-files = 2
upload-rate = "2M"
download-rate = 1000
file-mode = "0664"
directory-mode = "0775"
[user.bob.paths]
"/in" = ["write"]
)");
    EXPECT_TRUE(may(who, verb::dele, "/f"));
    EXPECT_FALSE(may(who, verb::stor, "/f"));
    EXPECT_TRUE(may(who, verb::stor, "/in/f"));
    EXPECT_FALSE(may(who, verb::retr, "/a.key"));
    EXPECT_TRUE(server::is_hidden(who, ".x"));
    const auto obstacle = [&](const char* from, bool tls, std::int64_t now) {
        const auto done = server::check_login_rules(who.login, ip_address::parse(from).value(), tls, now);
        return done ? "" : done.error().what;
    };
    constexpr auto midnight = std::chrono::sys_days(std::chrono::year(2030) / 1 / 2).time_since_epoch() / 1s;
    EXPECT_EQ(obstacle("192.0.2.1", true, midnight - 1), "");
    EXPECT_EQ(obstacle("2001:db8::1", true, 0), "");
    EXPECT_NE(obstacle("192.0.2.7", true, 0).find("from this address"), std::string::npos);
    EXPECT_NE(obstacle("192.0.3.1", true, 0).find("from this address"), std::string::npos);
    EXPECT_NE(obstacle("192.0.2.1", true, midnight).find("expired"), std::string::npos);
    EXPECT_NE(obstacle("192.0.2.1", false, 0).find("requires TLS"), std::string::npos);
    EXPECT_EQ(who.login.max_sessions, 3U);
    EXPECT_EQ(who.rates.upload, 2U << 20U);
    EXPECT_EQ(who.rates.download, 1000U);
    const auto files = who.open_files().value();
    ASSERT_TRUE(files->make_directory(virtual_path().resolve("/d").value()));
    EXPECT_EQ(fs::status(directory_ / "bob/d").permissions(), fs::perms(0775)) << "whatever the umask";
    EXPECT_EQ(who.login.hours.size(), 2U);
    const auto upload =
        files->open_store(virtual_path().resolve("/f").value(), vfs::store_mode::replace, 0, vfs::may_block::yes);
    ASSERT_TRUE(upload);
    EXPECT_EQ((*upload)->write(std::string(1025, ' ')).error().code, errc::quota);
    EXPECT_TRUE((*upload)->write(std::string(1024, ' ')));
    EXPECT_EQ(files->make_directory(virtual_path().resolve("/e").value()).error().code, errc::quota) << "of two files";
}

TEST_F(account_sections_test, a_section_comes_before_its_group_and_the_default) {
    const auto all = settings(R"(
[default]
rights = ["list"]
deny = ["d"]
max-sessions = 1
[group.g]
rights = ["read"]
max-sessions = 2
[user.a]
password = "secret"
[user.b]
password = "secret"
group = "g"
[user.c]
password = "secret"
group = "g"
rights = ["write"]
deny = []
[anonymous]
)",
                              {server::make_user("o", "secret", server::right_set::all())});
    ASSERT_TRUE(all) << all.error().text();
    const auto& u = all->users;
    ASSERT_EQ(u.size(), 4U);
    EXPECT_EQ(u[0].who.rights, server::right_set::all()) << "those of --user are stated";
    EXPECT_EQ(u[0].who.login.max_sessions, 1U);
    EXPECT_EQ(u[1].who.rights, server::right_set{server::right::list});
    EXPECT_EQ(u[2].who.rights, server::right_set{server::right::read});
    EXPECT_EQ(u[2].who.login.max_sessions, 2U);
    EXPECT_EQ(u[2].who.deny.size(), 1U);
    EXPECT_EQ(u[3].who.rights, server::right_set{server::right::write});
    EXPECT_TRUE(u[3].who.deny.empty());
    ASSERT_TRUE(all->anonymous);
    EXPECT_EQ(all->anonymous->rights, server::right_set::read_only()) << "not those of [default]";
    EXPECT_EQ(all->anonymous->deny.size(), 1U);
}

TEST_F(account_sections_test, homes_outside_of_the_directory_are_known) {
    const std::string outside = directory_.string() + "_outside";
    fs::create_directories(outside);
    ASSERT_TRUE(settings("[default]\nhome = \"" + outside +
                         "\"\n[user.bob]\npassword = \"a\"\nhome = \"bob\"\n"
                         "[user.eve]\npassword = \"b\"\n"));
    EXPECT_EQ(homes_, std::vector<std::string>{outside});
    fs::remove_all(outside);
}

TEST_F(account_sections_test, every_error_names_file_and_line) {  // DU-08
    const std::string bob = "[user.bob]\npassword = \"secret\"\n";
    struct row {
        std::string text;
        int line;
        const char* cause;
    };
    for (const auto& [text, line, cause] : std::vector<row>{
             {bob + "righst = []\n", 3, "unknown key 'righst' in this section; did you mean rights?"},
             {bob + "rights = [\"reed\"]\n", 3,
              "rights: 'reed' is no right; the rights are list, read, write, append, delete"},
             {bob + "rights = \"read\"\n", 3, "rights: needs a list"},
             {bob + "home = \"nowhere\"\n", 3, "home of 'bob': "},
             {bob + "group = \"g\"\n", 3, "there is no section [group.g]"},
             {bob + "world-readable-only = false\n", 3, "unknown key 'world-readable-only'"},
             {bob + "expires = \"2030-01-01\"\n", 3, "expires: needs a date"},
             {bob + "file-mode = \"0888\"\n", 3, "file-mode: needs an octal mode"},
             {bob + "file-mode = \"0040\"\n", 3, "file-mode: lacks bits of 0600"},
             {bob + "allow-from = [\"10.0.0.1/8\"]\n", 3, "allow-from: '10.0.0.1/8' is no network"},
             {bob + "deny = [\"{*.a,*.b}\"]\n", 3, "deny: '{*.a,*.b}' has braces"},
             {bob + "hide = [\"a/b\"]\n", 3, "hide: 'a/b' contains '/'"},
             {bob + "max-sessions = -1\n", 3, "max-sessions: "},
             {bob + "[user.bob.paths]\n\"in\" = []\n", 3, "paths: 'in' is no path"},
             {bob + "[user.bob.paths]\n\"/in\" = []\n\"/./in\" = []\n", 3, "paths: '/in' is named twice"},
             {bob + "[user.bob]\n", 3, "bob"},
             {"user = [\"a:b\"]\n[user.bob]\n", 2, "write each user of 'user = [...]' as a section"},
             {"anonymous = true\n[anonymous]\n", 2, "remove 'anonymous = ...'"},
             {"[user.bob]\n", 1, "[user.bob] has no password"},
             {"[user.bob]\npassword = \"$6$damaged\"\n", 2, "password: "},
             {"[user.bob]\npassword = \"$9$salt$damaged\"\n", 2, "password: this type of hash is not supported"},
             {"[user.bob]\npassword = \"!\"\n", 2, "password: this marks a locked account"},
             {"[user.ftp]\npassword = \"secret\"\n", 1, "this name means anonymous login"},
             {"[user]\nbob = \"secret\"\n", 2, "user needs a section for each name"},
             {"[anonymous]\npassword = \"secret\"\n", 2, "unknown key 'password'"},
             {"[user.\"../x\"]\npassword = \"secret\"\nhome = \"{user}\"\n", 3, "can't stand for {user}"}}) {
        const auto got = failure(text);
        EXPECT_TRUE(got.starts_with(file_ + ", line " + std::to_string(line) + ":")) << text << got;
        EXPECT_NE(got.find(cause), std::string::npos) << text << got;
        EXPECT_EQ(got.find("damaged\""), std::string::npos) << got;
        EXPECT_EQ(got.find("secret"), std::string::npos) << got;
    }
    const auto twice = settings(bob, {server::make_user("bob", "x", server::right_set::all())});
    EXPECT_NE(twice.error().text().find("line 1: the user 'bob' is also in an option --user or --reader"),
              std::string::npos);
}

}  // namespace
}  // namespace sallyport::cli
