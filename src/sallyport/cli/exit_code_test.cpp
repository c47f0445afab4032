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

TEST(exit_code, each_cause_has_its_own) {
    EXPECT_EQ(of(step::resolve, errc::unresolved), exit_status::connect);
    EXPECT_EQ(of(step::connect, errc::timeout), exit_status::connect);
    EXPECT_EQ(of(step::greeting, errc::timeout), exit_status::timeout);
    EXPECT_EQ(of(step::tls, errc::tls_untrusted), exit_status::tls);
    EXPECT_EQ(of(step::tls, errc::unexpected), exit_status::violation);
    EXPECT_EQ(of(step::login, errc::login_refused, 530), exit_status::login);
    EXPECT_EQ(of(step::login, errc::closed, 421), exit_status::unavailable);
    EXPECT_EQ(of(step::request, errc::rejected, 550), exit_status::denied);
    EXPECT_EQ(of(step::data, errc::timeout), exit_status::data);
    EXPECT_EQ(of(step::transfer, errc::truncated), exit_status::incomplete);
    EXPECT_EQ(of(step::transfer, errc::timeout), exit_status::timeout);
    EXPECT_EQ(of(step::local_file, errc::no_space), exit_status::local_file);
    EXPECT_EQ(of(step::request, errc::name_invalid), exit_status::usage);
}

}  // namespace
}  // namespace sallyport::cli
