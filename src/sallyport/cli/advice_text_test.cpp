#include <sallyport/cli/advice_text.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::cli {
namespace {

using client::advice;
using client::cause;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

advice with(cause what) {
    return {.id = what,
            .address = *endpoint::parse("192.0.2.1:5001"),
            .method = proto::data_method::epsv,
            .url = "ftpes://ann@ftp.example.org/in/",
            .key = "sha256//AAAA"};
}
std::string text(cause what) { return advice_text({with(what)}); }

TEST(advice_text, names_the_options_that_help) {
    EXPECT_THAT(text(cause::certificate_untrusted), AllOf(HasSubstr("--ca FILE"), HasSubstr("--insecure")));
    EXPECT_THAT(text(cause::certificate_untrusted), HasSubstr("--pin sha256//AAAA "));
    EXPECT_THAT(text(cause::key_unknown), AllOf(HasSubstr("--pin sha256//AAAA,"), HasSubstr("--trust first-use")));
    EXPECT_THAT(text(cause::key_changed), HasSubstr("sallyport sites forget 'ftpes://ann@ftp.example.org/in/'"));
    EXPECT_THAT(text(cause::download_interrupted), HasSubstr("use --resume"));
    EXPECT_THAT(text(cause::upload_interrupted), HasSubstr("use --resume"));
    EXPECT_THAT(text(cause::file_not_resumable), HasSubstr("Without --resume"));
    EXPECT_THAT(text(cause::resume_unsupported), HasSubstr("without --resume"));
    EXPECT_THAT(text(cause::credentials_refused), AllOf(HasSubstr("--user NAME:PASSWORD"), HasSubstr("~/.netrc")));
    EXPECT_THAT(text(cause::passive_mode_failed), HasSubstr("--active"));
    EXPECT_THAT(text(cause::private_active_address), AllOf(HasSubstr("192.0.2.1,"), HasSubstr("--active-address")));
}

TEST(advice_text, names_the_particulars) {
    EXPECT_EQ(text(cause::tls_required), "The server requires TLS; use ftpes://ann@ftp.example.org/in/");
    EXPECT_THAT(text(cause::path_refused), HasSubstr("sallyport ls 'ftpes://ann@ftp.example.org/in/'"));
    EXPECT_THAT(text(cause::passive_port_timeout),
                AllOf(HasSubstr("No response from 192.0.2.1:5001:"), HasSubstr("(including 5001)")));
    EXPECT_THAT(text(cause::command_blocked), HasSubstr("did not answer EPSV"));
    EXPECT_THAT(text(cause::private_address_advertised), HasSubstr("the private address 192.0.2.1."));
    EXPECT_THAT(text(cause::active_connection_timeout), HasSubstr("did not connect to 192.0.2.1:5001"));
}

TEST(advice_text, says_no_password_was_sent_only_where_it_is_true) {
    EXPECT_THAT(text(cause::tls_missing), HasSubstr("No password was sent"));
    EXPECT_THAT(text(cause::data_protection_refused), Not(HasSubstr("No password")));  // PROT, after the login
}

TEST(advice_text, every_cause_has_whole_sentences) {
    for (auto c = cause::host_not_found; c <= cause::unknown_listing_format;
         c = static_cast<cause>(static_cast<unsigned>(c) + 1)) {
        const auto said = text(c);
        if (c == cause::file_in_use) {
            EXPECT_EQ(said, "");  // the error is sufficient
            continue;
        }
        EXPECT_THAT(said, Not(HasSubstr("{")));
        EXPECT_TRUE(said.ends_with('.') || said.ends_with("in/") || said.ends_with("in/'")) << said;
    }
}

TEST(advice_text, several_causes_are_one_text) {
    EXPECT_EQ(advice_text({with(cause::download_interrupted), with(cause::file_in_use), with(cause::server_busy)}),
              "The partial file was kept; use --resume to continue. The server is busy or shutting down; try again later.");
    EXPECT_EQ(advice_text({}), "");
}

TEST(advice_text, the_line_is_what_was_done_the_error_and_the_next_step) {
    client::failure f;
    f.action = "getting x\x1b from ftp.example.org:21";
    f.cause = {errc::timeout, 0, "waiting for the reply to RETR"};
    f.causes = {with(cause::reply_timeout)};
    EXPECT_EQ(failure_line(f), "getting x\\x1b from ftp.example.org:21: waiting for the reply to RETR: " +
                                   std::string(describe(errc::timeout)) + ". The server did not respond; try again later.");
    f.causes.clear();
    EXPECT_TRUE(failure_line(f).ends_with("."));
}

}  // namespace
}  // namespace sallyport::cli
