#include <sallyport/cli/up_examples.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

up_examples example() {
    return {.directory = "/srv/shared",
            .plain = {*endpoint::parse("0.0.0.0:2121")},
            .implicit = {},
            .local_addresses = {*ip_address::parse("127.0.0.1"), *ip_address::parse("::1"), *ip_address::parse("192.0.2.5")},
            .default_address = *ip_address::parse("192.0.2.5"),
            .writer = "writer",
            .password = "abc",
            .certificate = "/srv/a b/up-cert.pem",
            .program = "sallyport",
            .fingerprint = "AB:CD",
            .extra_ports = " and 30000-30099"};
}

TEST(UpExamples, NamesEachAddressAndCommandsThatWork) {
    const auto text = text_of(example());
    EXPECT_THAT(text, HasSubstr("Sharing /srv/shared on 127.0.0.1:2121, 192.0.2.5:2121."));
    EXPECT_THAT(text, HasSubstr("curl ftp://192.0.2.5:2121/\n"));
    EXPECT_THAT(text, HasSubstr("curl --cacert '/srv/a b/up-cert.pem' --ssl-reqd -u writer:abc -T hello.txt "
                                "ftp://192.0.2.5:2121/\n"));
    EXPECT_THAT(text, HasSubstr("lftp -u writer,abc -e 'set ssl:ca-file \"/srv/a b/up-cert.pem\"' ftp://192.0.2.5:2121\n"));
    EXPECT_THAT(text, HasSubstr("sallyport put --ca '/srv/a b/up-cert.pem' --user writer:abc hello.txt "
                                "ftpes://192.0.2.5:2121/\n"));
    EXPECT_THAT(text, HasSubstr("In a firewall open TCP 2121 and 30000-30099."));
    EXPECT_THAT(text, Not(HasSubstr("ftps://")));
}

TEST(UpExamples, ProgramsThatAreNotHereAreNotShown) {
    auto guide = example();
    guide.lftp = false;
    EXPECT_THAT(text_of(guide), HasSubstr(" curl "));
    EXPECT_THAT(text_of(guide), Not(HasSubstr("lftp")));
    guide.curl = false;
    const auto text = text_of(guide);
    EXPECT_THAT(text, Not(HasSubstr("curl")));
    EXPECT_THAT(text, HasSubstr("  Sallyport  sallyport ls ftp://192.0.2.5:2121/\n"));
    EXPECT_THAT(text, HasSubstr("  sallyport put --ca"));
}

TEST(UpExamples, AnyAddressOfBothFamiliesIsEachOfThem) {
    auto guide = example();
    guide.plain = {*endpoint::parse("[::]:21")};
    EXPECT_THAT(text_of(guide), HasSubstr("on 127.0.0.1:21, [::1]:21, 192.0.2.5:21."));
}

TEST(UpExamples, ImplicitTlsAloneHasItsOwnLines) {
    auto guide = example();
    guide.plain.clear();
    guide.implicit = {*endpoint::parse("127.0.0.1:990")};
    const auto text = text_of(guide);
    EXPECT_THAT(text, HasSubstr("on 127.0.0.1:990 (implicit TLS)."));
    EXPECT_THAT(text, HasSubstr("curl --cacert '/srv/a b/up-cert.pem' ftps://127.0.0.1:990/\n"));
    EXPECT_THAT(text, HasSubstr("sallyport ls --ca '/srv/a b/up-cert.pem' ftps://127.0.0.1:990/\n"));
    EXPECT_THAT(text, Not(HasSubstr("ftp://")));
    EXPECT_THAT(text, Not(HasSubstr("--ssl-reqd")));
}

TEST(UpExamples, WithMappingsTheFirstLineNamesTheInternet) {
    auto guide = example();
    guide.mapped = true;
    guide.anonymous = false;
    const auto text = text_of(guide);
    EXPECT_THAT(text.substr(0, text.find('\n')), HasSubstr("and on the Internet"));
    EXPECT_THAT(text, HasSubstr("Only the account below may log in"));
    EXPECT_THAT(text, Not(HasSubstr("curl ftp://"))) << "a command without a password would be refused";
    EXPECT_THAT(text, HasSubstr("  Sallyport  sallyport put --ca"));
}

TEST(UpExamples, APasswordThatTheUserGaveIsNotShown) {
    auto guide = example();
    guide.password.clear();
    const auto text = text_of(guide);
    EXPECT_THAT(text, HasSubstr("-u writer -T hello.txt"));
    EXPECT_THAT(text, Not(HasSubstr("password")));
}

}  // namespace
}  // namespace sallyport::cli
