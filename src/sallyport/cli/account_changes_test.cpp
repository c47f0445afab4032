#include <sallyport/cli/account_changes.hpp>

#include <gtest/gtest.h>

namespace sallyport::cli {
namespace {

std::string changed(const std::string& settings, const std::vector<std::string>& changes) {
    const auto done = change_settings(settings, changes);
    return done ? settings_line(*done) : done.error().text();
}

TEST(account_changes, values_need_no_quotation_marks) {
    EXPECT_EQ(changed("", {}), "");
    EXPECT_EQ(changed("", {"home=in/{user}", "rights=list,read", "expires=2030-12-31", "max-sessions=3", "tls_required=true",
                           "upload-rate=2M", "file-mode=0660"}),
              "expires = 2030-12-31, file-mode = '0660', home = 'in/{user}', max-sessions = 3, rights = [ 'list', 'read' ], "
              "tls-required = true, upload-rate = '2M'");
    EXPECT_EQ(changed("", {R"(paths={"/in"=["write"]})", R"(rights=[])"}), "paths = { '/in' = [ 'write' ] }, rights = []");
}

TEST(account_changes, other_keys_stay) {
    EXPECT_EQ(changed("home = 'a'\nmax-sessions = 1", {"home=b"}), "home = 'b', max-sessions = 1");
    EXPECT_EQ(changed("home = 'a'\nmax-sessions = 1", {"home=", "max-sessions=2", "max-sessions=3"}), "max-sessions = 3");
}

TEST(account_changes, an_error_names_the_change) {
    EXPECT_EQ(changed("", {"home"}), "'home': is no setting; use KEY=VALUE, or KEY= to remove it");
    EXPECT_EQ(changed("", {"hom=x"}),
              "'hom=x': unknown key 'hom' in this section; did you mean home? See docs/server.md for the keys");
    EXPECT_NE(changed("", {"rights=list,fly"}).find("'rights=list,fly': rights: 'fly' is no right"), std::string::npos);
    EXPECT_NE(changed("", {"password=x"}).find("unknown key 'password'"), std::string::npos);
    EXPECT_NE(changed("", {"expires=soon"}).find("needs a date"), std::string::npos);
    EXPECT_NE(changed("", {"max-sessions=1\nhome='x'"}).find("control characters"), std::string::npos);
    EXPECT_NE(changed("= broken", {"home=x"}).find("are damaged"), std::string::npos);
}

TEST(account_changes, settings_as_json) {
    EXPECT_EQ(settings_json(change_settings("", {"home=in", "expires=2030-12-31"}).value()),
              R"({"expires" : "2030-12-31","home" : "in"})");
}

}  // namespace
}  // namespace sallyport::cli
