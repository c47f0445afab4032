#include <sallyport/cli/system_users.hpp>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <sallyport/cli/config_file.hpp>

namespace sallyport::cli {
namespace {

namespace fs = std::filesystem;

class system_users_test : public testing::Test {
protected:
    system_users_test() { fs::create_directories(directory_ / "amy"); }
    ~system_users_test() override { fs::remove_all(directory_); }

    account_sections sections(const std::string& text) {
        std::ofstream(file_) << text;
        CLI::App command("", "serve");
        account_sections out;
        const auto read = apply_config_file(command, file_, unknown_keys::refuse, &out);
        EXPECT_TRUE(read) << read.error().text();
        return out;
    }
    server::system_users users(const std::string& text, system_user_choice who = system_user_choice::all) {
        return system_users_of(sections(text), who, directory_, vfs::sync_policy::none);
    }
    /// Why the settings with these sections cannot be used; empty if they can.
    std::string failure(const std::string& text, bool with_pam) {
        server::settings out;
        if (with_pam) out.system_users = users(text);
        const auto added = sections(text).add_to(out, directory_, vfs::sync_policy::none);
        EXPECT_TRUE(out.users.empty());
        return added ? "" : added.error().text();
    }

    fs::path directory_ = fs::path(testing::TempDir()) / ("sallyport_system_users_" + std::to_string(getpid()));
    std::string file_ = directory_ / "serve.toml";
};

TEST_F(system_users_test, defaults_and_sections_apply) {
    const auto known = users(
        "[default]\nrights = [\"list\"]\nhide-ids = true\n[group.g]\nrights = [\"mkdir\"]\n[user.amy]\ngroup = \"g\"\n");
    const auto amy = known.account_of("amy", "/nowhere");
    ASSERT_TRUE(amy) << amy.error().text();
    EXPECT_EQ(amy->name, "amy");
    EXPECT_TRUE(amy->rights.has(server::right::mkdir));
    EXPECT_FALSE(amy->open_files) << "it uses the directory of the server";
    const auto ben = known.account_of("ben", "/nowhere");
    ASSERT_TRUE(ben);
    EXPECT_FALSE(ben->rights.has(server::right::mkdir) || ben->rights.has(server::right::read));
    EXPECT_TRUE(amy->hide_ids && ben->hide_ids);
    EXPECT_EQ(users("").account_of("ben", "/nowhere")->rights, server::right_set::read_only());
}

TEST_F(system_users_test, listed_users_have_a_section) {
    EXPECT_TRUE(users("[user.amy]\n").is_admitted("ben"));
    const auto listed = users("[user.amy]\n", system_user_choice::listed);
    EXPECT_TRUE(listed.is_admitted("amy"));
    EXPECT_FALSE(listed.is_admitted("ben"));
}

TEST_F(system_users_test, a_section_without_a_password_needs_pam) {
    EXPECT_NE(failure("[user.amy]\n", false).find("[user.amy] has no password; add one"), std::string::npos);
    EXPECT_EQ(failure("[user.amy]\n", true), "");
    EXPECT_NE(failure("[user.amy]\nhome = \"missing\"\n", true).find("home of 'amy'"), std::string::npos);
}

TEST_F(system_users_test, the_home_of_the_system_must_be_below_the_directory) {
    const auto known = users("[default]\nhome = \"~\"\n");
    const auto amy = known.account_of("amy", directory_ / "amy/");
    ASSERT_TRUE(amy) << amy.error().text();
    EXPECT_TRUE(amy->open_files().has_value());
    for (const auto& home :
         {std::string("/"), std::string("/root"), directory_.string(), (directory_ / "amy/../..").string(),
          directory_.string() + "2/amy", std::string("amy"), std::string()}) {
        const auto refused = known.account_of("amy", home);
        ASSERT_FALSE(refused) << home;
        EXPECT_NE(refused.error().what.find("is not below"), std::string::npos);
    }
}

TEST_F(system_users_test, an_account_with_a_password_has_no_home_in_the_system) {
    const auto refused = failure("[default]\nhome = \"~\"\n[user.bob]\npassword = \"secret\"\n", true);
    EXPECT_NE(refused.find("line 2: home: ~ is for users of the system"), std::string::npos) << refused;
    EXPECT_EQ(failure("[user.amy]\nhome = \"~\"\n", true), "");
}

TEST_F(system_users_test, homes_of_defaults_are_known) {
    const auto home = directory_.string() + "_elsewhere";
    using list = std::vector<std::string>;
    EXPECT_EQ(sections("[default]\nhome = \"" + home + "\"\n").homes_of_stored(directory_), list{home});
    EXPECT_EQ(sections("[default]\nhome = \"" + home + "/{user}\"\n").homes_of_stored(directory_), list{home + "/"});
    EXPECT_EQ(sections("[default]\nhome = \"~\"\n").homes_of_stored(directory_), list{});
}

TEST_F(system_users_test, names_of_services) {
    for (const auto* const name : {"no-such-service", "../passwd", "/etc/pam.d/login", ".", "a b"}) {
        const auto refused = check_pam_service(name);
        ASSERT_FALSE(refused) << name;
        EXPECT_EQ(refused.error().code, errc::usage);
        EXPECT_TRUE(refused.error().what.starts_with("--pam ")) << refused.error().what;
    }
    EXPECT_EQ(*start_pam(""), nullptr);
}

}  // namespace
}  // namespace sallyport::cli
