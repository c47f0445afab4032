#include <sallyport/client/advice.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sallyport/base/ascii.hpp>

namespace sallyport::client {
namespace {

using proto::client_failure;
using ::testing::HasSubstr;
using ::testing::Not;

circumstances at_home(std::string_view address = "ftp://ftp.example.org/in/x") {
    circumstances known;
    known.where = *url::parse(address);
    known.path = known.where.path;
    known.peer = {ip_address::v4({192, 0, 2, 1}), 21};
    return known;
}

client_failure refused(step at, std::string_view reply, errc code = errc::rejected) {
    const auto number = static_cast<int>(*parse_decimal(reply.substr(0, 3)));
    return {at, {code, 0, std::string(reply)}, number, std::string(reply)};
}

client_failure failed(step at, errc code) { return {at, {code, 0, "something"}}; }

attempt tried(data_method m, bool agreed, errc code, std::string_view words = {}) {
    attempt a{.method = m, .agreed = agreed, .failure = error{code, 0, std::string(words)}};
    if (agreed || is_active(m)) a.to = {ip_address::v4({192, 0, 2, 1}), 5001};
    return a;
}

std::string on_data(std::vector<attempt> attempts) {
    auto known = at_home();
    known.attempts = std::move(attempts);
    return advise(failed(step::data, errc::timeout), known);
}

// ---- Data connections (C6)

TEST(advice, C6_a_method_that_the_server_refuses_is_no_firewall) {
    for (const auto& attempts : {
             std::vector{tried(data_method::eprt, false, errc::rejected, "500 what")},
             std::vector{tried(data_method::eprt, false, errc::rejected, "500 what"),
                         tried(data_method::port, false, errc::rejected, "502 no")},
             std::vector{tried(data_method::epsv, false, errc::rejected, "500 what")},
             std::vector{tried(data_method::epsv, false, errc::unexpected, "not a passive answer"),
                         tried(data_method::eprt, false, errc::rejected, "500 what")},
             std::vector{tried(data_method::port, false, errc::exhausted, "no port is free")},
         }) {
        const auto advice = on_data(attempts);
        EXPECT_THAT(advice, Not(HasSubstr("firewall")));
        EXPECT_THAT(advice, Not(HasSubstr("NAT")));
        EXPECT_NE(advice, "");
    }
    EXPECT_THAT(on_data({tried(data_method::eprt, false, errc::rejected, "500 what")}), HasSubstr("Passive mode"));
    EXPECT_THAT(on_data({tried(data_method::epsv, false, errc::rejected, "500 what")}), HasSubstr("--active"));
}

TEST(advice, C6_what_led_nowhere_is_told_by_how_it_ended) {
    EXPECT_THAT(on_data({tried(data_method::epsv, true, errc::timeout)}), HasSubstr("firewall is probably dropping"));
    EXPECT_THAT(on_data({tried(data_method::epsv, true, errc::timeout)}), HasSubstr("192.0.2.1:5001"));
    EXPECT_THAT(on_data({tried(data_method::pasv, true, errc::refused)}), HasSubstr("not forwarded"));
    EXPECT_THAT(on_data({tried(data_method::epsv, false, errc::timeout)}), HasSubstr("did not answer EPSV"));
    EXPECT_THAT(on_data({tried(data_method::port, true, errc::timeout)}), HasSubstr("did not connect to 192.0.2.1:5001"));
    EXPECT_THAT(on_data({tried(data_method::eprt, true, errc::rejected, "425 can't")}), HasSubstr("Allow this connection"));
    // The refused EPRT adds nothing to the silence before it.
    const auto both = on_data(
        {tried(data_method::epsv, true, errc::timeout), tried(data_method::eprt, false, errc::rejected, "500 what")});
    EXPECT_THAT(both, HasSubstr("including 5001"));
    EXPECT_THAT(both, Not(HasSubstr("did not connect")));
}

TEST(advice, C6_a_private_address_is_said) {
    auto known = at_home();
    known.peer.address = ip_address::v4({203, 0, 113, 9});
    auto passive = tried(data_method::pasv, true, errc::timeout);
    passive.advertised = {ip_address::v4({10, 0, 0, 5}), 5001};
    known.attempts = {passive};
    EXPECT_THAT(advise(failed(step::data, errc::timeout), known), HasSubstr("advertised the private address 10.0.0.5"));
    auto active = tried(data_method::port, true, errc::timeout);
    active.to.address = ip_address::v4({192, 168, 1, 7});
    known.attempts = {active};
    EXPECT_THAT(advise(failed(step::data, errc::timeout), known), HasSubstr("--active-address"));
}

TEST(advice, methods_are_described_by_how_each_ended) {
    EXPECT_EQ(
        describe_attempts({tried(data_method::epsv, false, errc::rejected, "500 what"),
                           tried(data_method::pasv, true, errc::timeout), tried(data_method::pasv, true, errc::refused),
                           tried(data_method::eprt, false, errc::rejected, "500: what"),
                           tried(data_method::port, true, errc::timeout)}),
        "EPSV: 500 what: " + std::string(describe(errc::rejected)) +
            "; PASV: no answer from 192.0.2.1:5001; PASV: 192.0.2.1:5001 refused; EPRT: 500: what; PORT: the server did "
            "not connect to 192.0.2.1:5001");
}

// ---- What the server says

TEST(advice, TLS_is_named_where_the_server_demands_it) {
    auto known = at_home("ftp://ann@ftp.example.org:2121/in/a%20b");
    const auto reply = refused(step::login, "530 Must use TLS first", errc::login_refused);
    EXPECT_THAT(advise(reply, known), HasSubstr("use ftpes://ann@ftp.example.org:2121/in/a%20b"));
    EXPECT_EQ(make_failure(reply, known, "logging in").reason, refusal::needs_tls);
    EXPECT_THAT(advise(refused(step::greeting, "421 Sorry, cleartext sessions are not accepted", errc::closed), known),
                HasSubstr("ftpes://"));
    // With TLS it is the data that lack it, or it is not TLS that is missing.
    known.user = "ann";
    known.where.tls = tls_mode::explicit_;
    EXPECT_THAT(advise(reply, known), HasSubstr("Check user name"));
    known.protect_data = false;
    EXPECT_THAT(advise(refused(step::request, "521 PROT P required"), known), HasSubstr("leave out --no-protect-data"));
}

TEST(advice, a_full_server_is_no_wrong_password) {
    const auto known = at_home("ftp://ann@ftp.example.org/");
    for (const auto* reply : {"530 Sorry, the maximum number of clients (5) are already connected", "421 too many"}) {
        const auto advice = advise(refused(step::login, reply, errc::login_refused), known);
        EXPECT_THAT(advice, HasSubstr("try again later")) << reply;
        EXPECT_THAT(advice, Not(HasSubstr("password"))) << reply;
    }
}

TEST(advice, refused_logins_are_told_by_who_logs_in) {
    auto known = at_home();
    EXPECT_THAT(advise(refused(step::login, "530 no", errc::login_refused), known), HasSubstr("anonymous logins"));
    known.user = "ann";
    EXPECT_THAT(advise(refused(step::login, "530 no", errc::login_refused), known),
                HasSubstr("Check user name and password"));
    EXPECT_THAT(advise(refused(step::login, "430 no"), known), HasSubstr("Check user name and password"));
    EXPECT_THAT(advise(refused(step::login, "332 account?", errc::login_refused), known), HasSubstr("account"));
    EXPECT_THAT(advise(refused(step::login, "451 database"), known), HasSubstr("try again later"));
}

TEST(advice, no_password_was_sent_is_said_only_where_it_is_true) {
    auto known = at_home("ftpes://ann@ftp.example.org/");
    EXPECT_THAT(advise(refused(step::tls, "500 AUTH what", errc::unsupported), known), HasSubstr("No password was sent"));
    const auto prot = advise(refused(step::tls, "536 no"), known);  // PROT, after the login
    EXPECT_THAT(prot, Not(HasSubstr("No password")));
    EXPECT_THAT(prot, HasSubstr("--no-protect-data"));
    known.protect_data = false;
    EXPECT_THAT(advise(refused(step::tls, "534 no"), known), HasSubstr("eave out --no-protect-data"));
}

TEST(advice, requests) {
    auto known = at_home();
    known.doing = operation::get;
    EXPECT_THAT(advise(refused(step::request, "550 no"), known), HasSubstr("sallyport ls 'ftp://ftp.example.org/in/'"));
    known.doing = operation::list;
    known.path = "in/";
    EXPECT_THAT(advise(refused(step::request, "550 no"), known), Not(HasSubstr("sallyport ls")));
    EXPECT_THAT(advise(refused(step::request, "552 no"), known), Not(HasSubstr("space")));
    known.doing = operation::put;
    EXPECT_THAT(advise(refused(step::request, "552 no"), known), HasSubstr("space"));
    EXPECT_THAT(advise(failed(step::request, errc::unsupported), known), HasSubstr("without --resume"));
    EXPECT_THAT(advise(failed(step::request, errc::closed), known), HasSubstr("connection was lost"));
}

// ---- --resume, only where it would help

struct row {
    operation doing;
    bool can_resume;
    client_failure what;
    bool named;
};

TEST(advice, resume_is_named_only_where_it_would_help) {
    const auto cut = failed(step::transfer, errc::reset);
    const row rows[] = {
        {operation::get, true, cut, true},
        {operation::put, true, cut, true},
        {operation::get, true, refused(step::transfer, "451 disk"), true},
        {operation::get, false, cut, false},  // 0 bytes, text, or a pipe
        {operation::put, false, cut, false},  // the server kept nothing
        {operation::list, false, cut, false},
        {operation::list, false, failed(step::transfer, errc::timeout), false},
        {operation::put, true, refused(step::transfer, "552 full"), false},  // there must be space first
        {operation::get, true, failed(step::data, errc::timeout), false},
        {operation::get, true, refused(step::request, "550 no"), false},
        {operation::get, true, failed(step::connect, errc::refused), false},
    };
    for (const auto& r : rows) {
        SCOPED_TRACE("line " + std::to_string(&r - rows));
        auto known = at_home();
        known.doing = r.doing;
        known.can_resume = r.can_resume;
        const auto f = make_failure(r.what, known, "moving x");
        EXPECT_EQ(f.text().find("--resume") != std::string::npos, r.named) << f.text();
        if (r.named) {
            EXPECT_TRUE(f.can_resume);
        }
    }
    auto known = at_home();
    EXPECT_THAT(advise(failed(step::local_file, errc::out_of_range), known), HasSubstr("Without --resume"));
    EXPECT_THAT(advise(failed(step::local_file, errc::no_space), known), HasSubstr("free space"));
}

// ---- Before the login

TEST(advice, connecting_and_greeting) {
    const auto known = at_home();
    EXPECT_THAT(advise(failed(step::connect, errc::refused), known), HasSubstr("server is running"));
    EXPECT_THAT(advise(failed(step::connect, errc::timeout), known), HasSubstr("firewall may be dropping"));
    EXPECT_THAT(advise(failed(step::greeting, errc::timeout), known), HasSubstr("ftps://"));
    EXPECT_THAT(advise(failed(step::greeting, errc::syntax), known), HasSubstr("not behave like an FTP server"));
    EXPECT_THAT(advise(failed(step::greeting, errc::closed), known), Not(HasSubstr("not behave like")));
    EXPECT_THAT(advise(refused(step::greeting, "554 no"), known), HasSubstr("administrator"));
    const auto none = make_failure({step::connect, {errc::refused, 0, "cannot connect to x: no"}}, known, "connecting to x");
    EXPECT_EQ(none.text(), "cannot connect to x: no. Check the host name and port, and that the server is running.");
    const auto closed = make_failure({step::greeting, {errc::closed, 0, "a: b"}}, known, "connecting to x");
    EXPECT_THAT(closed.text(), ::testing::StartsWith("connecting to x: a: b. "));
}

}  // namespace
}  // namespace sallyport::client
