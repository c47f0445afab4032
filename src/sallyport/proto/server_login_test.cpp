#include <sallyport/proto/server_login.hpp>

#include <gtest/gtest.h>

#include <sallyport/base/limits.hpp>

namespace sallyport::proto {
namespace {

TEST(server_login, user_and_password_make_a_request) {
    server_login login(true, false);
    EXPECT_EQ(login.stage(), session_stage::connected);
    EXPECT_EQ(login.start("bob", true), (reply{331, {"Password required."}}));
    EXPECT_EQ(login.stage(), session_stage::user_given);
    const auto asked = login.password_request("x", true);
    const auto* request = std::get_if<login_request>(&asked);
    ASSERT_NE(request, nullptr);
    EXPECT_EQ(request->user, "bob");
    EXPECT_EQ(request->password, "x");
    EXPECT_FALSE(request->anonymous);
    EXPECT_TRUE(request->protected_by_tls);
    EXPECT_EQ(login.finish({}), (reply{230, {"Logged in."}}));
    EXPECT_TRUE(login.logged_in());
    EXPECT_EQ(std::get<reply>(login.password_request("x", true)).code, 503);
}

TEST(server_login, anonymous_names_are_recognized_if_allowed) {
    server_login allowed(true, false);
    EXPECT_EQ(allowed.start("FTP", false).lines.front(), "Guest login ok, send your e-mail address as password.");
    EXPECT_EQ(allowed.finish({}).lines.front(), "Logged in anonymously.");
    server_login forbidden(false, false);
    EXPECT_EQ(forbidden.start("anonymous", false).lines.front(), "Password required.");
}

// TLS-11
TEST(server_login, named_users_need_tls_if_it_is_required) {
    server_login login(true, true);
    EXPECT_EQ(login.start("bob", false).code, 530);
    EXPECT_EQ(login.stage(), session_stage::connected);
    EXPECT_EQ(login.start("ftp", false).code, 331);
    EXPECT_FALSE(login.data_must_be_protected());
    EXPECT_EQ(login.start("bob", true).code, 331);
    EXPECT_TRUE(login.data_must_be_protected());
}

TEST(server_login, an_account_may_require_tls) {
    server_login login(true, false);
    (void)login.start("bob", true);
    EXPECT_EQ(login.finish({}, true).code, 230);
    EXPECT_TRUE(login.data_must_be_protected());
    (void)login.start("eve", true);
    EXPECT_FALSE(login.data_must_be_protected());
}

TEST(server_login, a_login_that_is_not_allowed_says_why) {
    server_login login(false, false);
    (void)login.start("bob", false);
    EXPECT_EQ(login.finish(fail(errc::not_allowed, "This account requires TLS.")),
              (reply{530, {"This account requires TLS."}}));
    EXPECT_FALSE(login.logged_in());
}

TEST(server_login, too_many_failed_logins_end_the_session) {
    server_login login(false, false);
    for (int i = 0; i < limits::max_login_attempts; ++i) {
        EXPECT_FALSE(login.attempts_used_up());
        (void)login.start("bob", false);
        EXPECT_EQ(login.finish(fail(errc::login_refused)), (reply{530, {"Login incorrect."}}));
        EXPECT_EQ(login.stage(), session_stage::connected);
        EXPECT_EQ(login.user(), "");
    }
    EXPECT_TRUE(login.attempts_used_up());
    login.reset();
    EXPECT_TRUE(login.attempts_used_up()) << "REIN gives no new attempts";
}

TEST(server_login, an_error_during_the_check_ends_the_session) {
    server_login login(false, false);
    (void)login.start("bob", false);
    EXPECT_EQ(login.finish(fail(errc::io)).code, 421);
    EXPECT_FALSE(login.attempts_used_up());
}

TEST(server_login, user_replaces_the_previous_login) {
    server_login login(false, false);
    (void)login.start("bob", false);
    (void)login.finish({});
    (void)login.start("anna", false);
    EXPECT_FALSE(login.logged_in());
    EXPECT_EQ(login.user(), "anna");
}

}  // namespace
}  // namespace sallyport::proto
