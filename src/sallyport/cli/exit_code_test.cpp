#include <sallyport/cli/exit_code.hpp>

#include <gtest/gtest.h>

namespace sallyport::cli {
namespace {

using client::step;

exit_status of(step at, errc code, int reply_code = 0) {
    client::failure f;
    f.at = at;
    f.cause.code = code;
    f.reply_code = reply_code;
    return status_of(f);
}

exit_status of(step at, client::refusal reason, int reply_code) {
    client::failure f;
    f.at = at;
    f.cause.code = reply_code == 421 ? errc::closed : errc::login_refused;
    f.reply_code = reply_code;
    f.reason = reason;
    return status_of(f);
}

TEST(exit_code, each_cause_has_its_own) {
    EXPECT_EQ(of(step::resolve, errc::unresolved), exit_status::connect);
    EXPECT_EQ(of(step::connect, errc::timeout), exit_status::connect);
    EXPECT_EQ(of(step::greeting, errc::timeout), exit_status::timeout);
    EXPECT_EQ(of(step::tls, errc::tls_untrusted), exit_status::tls);
    EXPECT_EQ(of(step::tls, errc::unexpected), exit_status::protocol_error);
    EXPECT_EQ(of(step::login, errc::stray_reply), exit_status::protocol_error);
    EXPECT_EQ(of(step::transfer, errc::stray_reply), exit_status::protocol_error);
    EXPECT_EQ(of(step::login, errc::login_refused, 530), exit_status::login);
    EXPECT_EQ(of(step::login, errc::closed, 421), exit_status::unavailable);
    EXPECT_EQ(of(step::request, errc::rejected, 550), exit_status::refused);
    EXPECT_EQ(of(step::data, errc::timeout), exit_status::data_connection);
    EXPECT_EQ(of(step::transfer, errc::truncated), exit_status::incomplete);
    EXPECT_EQ(of(step::transfer, errc::timeout), exit_status::timeout);
    EXPECT_EQ(of(step::local_file, errc::no_space), exit_status::local_file);
    EXPECT_EQ(of(step::listing, errc::unsupported), exit_status::listing);
    EXPECT_EQ(of(step::request, errc::name_invalid), exit_status::usage);
    EXPECT_EQ(of(step::verification, errc::unexpected), exit_status::verification);
    EXPECT_EQ(of(step::verification, errc::not_found), exit_status::verification);
}

TEST(exit_code, what_the_server_says_outweighs_its_code) {
    using client::refusal;
    EXPECT_EQ(of(step::login, refusal::too_many, 530), exit_status::unavailable);
    EXPECT_EQ(of(step::greeting, refusal::too_many, 530), exit_status::unavailable);
    EXPECT_EQ(of(step::login, refusal::other, 530), exit_status::login);
    // Another attempt would not help if TLS is missing.
    EXPECT_EQ(of(step::greeting, refusal::needs_tls, 421), exit_status::login);
    EXPECT_EQ(of(step::login, refusal::needs_tls, 530), exit_status::login);
}

}  // namespace
}  // namespace sallyport::cli
