#include <sallyport/client/advice.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sallyport/base/ascii.hpp>

namespace sallyport::client {
namespace {

using proto::client_failure;
using ::testing::ElementsAre;

/// The causes, without their details.
std::vector<cause> causes(const std::vector<advice>& all) {
    std::vector<cause> out;
    for (const auto& one : all) out.push_back(one.id);
    return out;
}
std::vector<cause> causes(const client_failure& what, const failure_context& known) { return causes(advise(what, known)); }

failure_context at_home(std::string_view address = "ftp://ftp.example.org/in/x") {
    failure_context known;
    known.location = *url::parse(address);
    known.path = known.location.path;
    known.peer = {ip_address::v4({192, 0, 2, 1}), 21};
    return known;
}

client_failure refused(step at, std::string_view reply, errc code = errc::rejected) {
    const auto number = static_cast<int>(*parse_decimal(reply.substr(0, 3)));
    return {at, {code, 0, std::string(reply)}, number, std::string(reply)};
}

client_failure failed(step at, errc code, std::string what = "something") { return {at, {code, 0, std::move(what)}}; }

attempt tried(data_method m, bool agreed, errc code, std::string_view words = {}) {
    attempt a{.method = m, .accepted = agreed, .failure = error{code, 0, std::string(words)}};
    if (agreed || is_active(m)) a.target = {ip_address::v4({192, 0, 2, 1}), 5001};
    return a;
}

std::vector<cause> on_data(std::vector<attempt> attempts) {
    auto known = at_home();
    known.attempts = std::move(attempts);
    return causes(failed(step::data, errc::timeout), known);
}

// ---- Data connections (C6)

TEST(advice, C6_a_method_that_the_server_refuses_is_no_firewall) {
    const auto refused_eprt = tried(data_method::eprt, false, errc::rejected, "500 what");
    EXPECT_THAT(on_data({refused_eprt}), ElementsAre(cause::active_mode_failed));
    EXPECT_THAT(on_data({refused_eprt, tried(data_method::port, false, errc::rejected, "502 no")}),
                ElementsAre(cause::active_mode_failed));
    EXPECT_THAT(on_data({tried(data_method::epsv, false, errc::rejected, "500 what")}),
                ElementsAre(cause::passive_mode_failed));
    EXPECT_THAT(on_data({tried(data_method::epsv, false, errc::unexpected, "not a passive answer"), refused_eprt}),
                ElementsAre(cause::data_methods_refused));
    EXPECT_THAT(on_data({tried(data_method::port, false, errc::exhausted, "no port is free")}),
                ElementsAre(cause::active_mode_failed));
}

TEST(advice, C6_each_failed_attempt_gets_its_own_advice) {
    auto known = at_home();
    known.attempts = {tried(data_method::epsv, true, errc::timeout)};
    const auto silent = advise(failed(step::data, errc::timeout), known);
    EXPECT_THAT(causes(silent), ElementsAre(cause::passive_port_timeout, cause::passive_mode_failed));
    EXPECT_EQ(silent.front().address.text(), "192.0.2.1:5001");
    EXPECT_THAT(on_data({tried(data_method::pasv, true, errc::refused)}),
                ElementsAre(cause::passive_port_refused, cause::passive_mode_failed));
    known.attempts = {tried(data_method::epsv, false, errc::timeout)};
    const auto blocked = advise(failed(step::data, errc::timeout), known);
    EXPECT_THAT(causes(blocked), ElementsAre(cause::command_blocked, cause::passive_mode_failed));
    EXPECT_EQ(blocked.front().method, data_method::epsv);
    EXPECT_THAT(on_data({tried(data_method::port, true, errc::timeout)}),
                ElementsAre(cause::active_connection_timeout, cause::active_mode_failed));
    EXPECT_THAT(on_data({tried(data_method::eprt, true, errc::rejected, "425 can't")}),
                ElementsAre(cause::active_connection_timeout, cause::active_mode_failed));
    // The refused EPRT adds nothing to the timeout before it.
    EXPECT_THAT(on_data({tried(data_method::epsv, true, errc::timeout),
                         tried(data_method::eprt, false, errc::rejected, "500 what")}),
                ElementsAre(cause::passive_port_timeout));
    // Advice on one port is given once.
    EXPECT_THAT(on_data({tried(data_method::epsv, true, errc::timeout), tried(data_method::pasv, true, errc::timeout)}),
                ElementsAre(cause::passive_port_timeout, cause::passive_mode_failed));
}

TEST(advice, C6_a_private_address_is_reported) {
    auto known = at_home();
    known.peer.address = ip_address::v4({203, 0, 113, 9});
    auto passive = tried(data_method::pasv, true, errc::timeout);
    passive.advertised = {ip_address::v4({10, 0, 0, 5}), 5001};
    known.attempts = {passive};
    const auto advertised = advise(failed(step::data, errc::timeout), known);
    EXPECT_EQ(advertised.front().id, cause::private_address_advertised);
    EXPECT_EQ(advertised.front().address.address.text(), "10.0.0.5");
    auto active = tried(data_method::port, true, errc::timeout);
    active.target.address = ip_address::v4({192, 168, 1, 7});
    known.attempts = {active};
    const auto announced = advise(failed(step::data, errc::timeout), known);
    EXPECT_EQ(announced.front().id, cause::private_active_address);
    EXPECT_EQ(announced.front().address.address.text(), "192.168.1.7");
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
    const auto plain = advise(reply, known);
    EXPECT_THAT(causes(plain), ElementsAre(cause::tls_required));
    EXPECT_EQ(plain.front().url, "ftpes://ann@ftp.example.org:2121/in/a%20b");
    EXPECT_EQ(make_failure(reply, known, "logging in").reason, refusal::needs_tls);
    EXPECT_THAT(causes(refused(step::greeting, "421 Sorry, cleartext sessions are not accepted", errc::closed), known),
                ElementsAre(cause::tls_required));
    // With TLS, either the data connection is unencrypted, or the reason is not missing TLS.
    known.user = "ann";
    known.location.tls = tls_mode::explicit_;
    EXPECT_THAT(causes(reply, known), ElementsAre(cause::credentials_refused));
    known.protect_data = false;
    EXPECT_THAT(causes(refused(step::request, "521 PROT P required"), known), ElementsAre(cause::data_tls_required));
}

struct row {
    client_failure what;
    cause expected;
    std::string_view address = "ftp://ftp.example.org/in/x";
    operation action = operation::get;
};

TEST(advice, each_failure_has_its_cause) {
    const std::string_view ann = "ftp://ann@ftp.example.org/";
    const std::string_view tls = "ftpes://ann@ftp.example.org/";
    const row rows[] = {
        {failed(step::resolve, errc::unresolved), cause::host_not_found},
        {failed(step::resolve, errc::unsupported), cause::no_address_of_family},
        {failed(step::connect, errc::refused), cause::connection_refused},
        {failed(step::connect, errc::timeout), cause::no_response},
        {failed(step::connect, errc::unreachable), cause::unreachable},
        {failed(step::greeting, errc::timeout), cause::no_greeting},
        {failed(step::greeting, errc::timeout), cause::not_an_ftp_server, "ftps://ftp.example.org/"},
        {failed(step::greeting, errc::syntax), cause::not_an_ftp_server},
        {failed(step::greeting, errc::stray_reply), cause::not_an_ftp_server},
        {failed(step::greeting, errc::closed), cause::closed_before_greeting},
        {refused(step::greeting, "554 no"), cause::service_refused},
        {failed(step::tls, errc::tls_untrusted), cause::certificate_untrusted, tls},
        {failed(step::tls, errc::tls_untrusted, "the certificate of a is not trusted: hostname mismatch"),
         cause::certificate_of_other_name, tls},
        {failed(step::tls, errc::unexpected), cause::tls_tampered, tls},
        {refused(step::tls, "500 AUTH what", errc::unsupported), cause::tls_missing, tls},
        {refused(step::tls, "536 no"), cause::data_protection_refused, tls},
        {failed(step::tls, errc::tls), cause::tls_failed, tls},
        {failed(step::tls, errc::tls), cause::wrong_tls_mode, "ftps://ftp.example.org/"},
        {refused(step::login, "530 Sorry, the maximum number of clients (5) are already connected", errc::login_refused),
         cause::server_busy, ann},
        {refused(step::login, "421 too many", errc::closed), cause::server_busy, ann},
        {refused(step::login, "332 account?", errc::login_refused), cause::account_required, ann},
        {refused(step::login, "451 database"), cause::server_error, ann},
        {failed(step::login, errc::syntax), cause::login_failed, ann},
        {failed(step::login, errc::stray_reply), cause::stray_reply, ann},
        {refused(step::request, "550 no"), cause::path_refused},
        {refused(step::request, "553 no"), cause::path_refused},
        {refused(step::request, "530 no"), cause::user_not_permitted},
        {refused(step::request, "552 no"), cause::request_failed},
        {refused(step::request, "552 no"), cause::no_space_on_server, ann, operation::put},
        {refused(step::request, "450 no"), cause::server_error},
        {failed(step::request, errc::unsupported), cause::resume_unsupported},
        {failed(step::request, errc::name_invalid), cause::invalid_name},
        {failed(step::request, errc::closed), cause::connection_lost},
        {failed(step::request, errc::timeout), cause::reply_timeout},
        {failed(step::request, errc::stray_reply), cause::stray_reply},
        {failed(step::data, errc::stray_reply), cause::stray_reply},
        {failed(step::transfer, errc::stray_reply), cause::stray_reply},
        {failed(step::transfer, errc::reset), cause::transfer_failed},
        {failed(step::transfer, errc::tls_untrusted), cause::data_certificate_mismatch},
        {refused(step::transfer, "452 full"), cause::no_space_on_server, ann, operation::put},
        {failed(step::local_file, errc::out_of_range), cause::file_not_resumable},
        {failed(step::local_file, errc::truncated), cause::file_changed},
        {failed(step::local_file, errc::busy), cause::file_in_use},
        {failed(step::local_file, errc::no_space), cause::file_failed},
        {failed(step::listing, errc::unsupported), cause::unknown_listing_format},
    };
    for (const auto& r : rows) {
        SCOPED_TRACE("row " + std::to_string(&r - rows));
        auto known = at_home(r.address);
        known.current = r.action;
        EXPECT_THAT(causes(r.what, known), ElementsAre(r.expected));
    }
}

TEST(advice, refused_logins_differ_for_anonymous_and_named_users) {
    auto known = at_home();
    EXPECT_THAT(causes(refused(step::login, "530 no", errc::login_refused), known), ElementsAre(cause::anonymous_refused));
    known.user = "ann";
    EXPECT_THAT(causes(refused(step::login, "530 no", errc::login_refused), known), ElementsAre(cause::credentials_refused));
    EXPECT_THAT(causes(refused(step::login, "430 no"), known), ElementsAre(cause::credentials_refused));
}

TEST(advice, PROT_is_refused_in_either_direction) {
    auto known = at_home("ftpes://ann@ftp.example.org/");
    known.protect_data = false;
    EXPECT_THAT(causes(refused(step::tls, "536 no"), known), ElementsAre(cause::data_protection_required));
}

TEST(advice, a_refused_path_names_the_directory_to_list) {
    auto known = at_home();
    known.current = operation::get;
    EXPECT_EQ(advise(refused(step::request, "550 no"), known).front().url, "ftp://ftp.example.org/in/");
    known.current = operation::list;
    known.path = "in/";
    EXPECT_THAT(causes(refused(step::request, "550 no"), known), ElementsAre(cause::directory_refused));
}

// ---- Resuming, only where it would help

struct resume_row {
    operation action;
    bool can_resume;
    client_failure what;
    bool named;
};

TEST(advice, resume_is_named_only_where_it_would_help) {
    const auto cut = failed(step::transfer, errc::reset);
    const resume_row rows[] = {
        {operation::get, true, cut, true},
        {operation::put, true, cut, true},
        {operation::get, true, refused(step::transfer, "451 disk"), true},
        {operation::get, true, failed(step::transfer, errc::stray_reply), true},
        {operation::get, false, cut, false},  // 0 bytes, text, or a pipe
        {operation::put, false, cut, false},  // the server has stored nothing
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
        known.current = r.action;
        known.can_resume = r.can_resume;
        const auto f = make_failure(r.what, known, "moving x");
        bool named = false;
        for (const auto& one : f.causes) named = named || row_of(one.id).next == remedy::resume;
        EXPECT_EQ(named, r.named);
        if (r.named) {
            EXPECT_TRUE(f.can_resume);
        }
    }
}

TEST(advice, what_a_proxy_prevents_is_said_of_the_proxy) {
    auto known = at_home();
    known.through_proxy = true;
    EXPECT_EQ(advise(failed(step::connect, errc::refused), known).front().id, cause::connection_refused);
    known.attempts = {{.method = proto::data_method::epsv,
                       .target = {{}, 40001},
                       .accepted = true,
                       .failure = error{errc::refused, 0, "proxy p: it cannot connect to h:40001: connection refused"}}};
    EXPECT_EQ(advise(failed(step::data, errc::refused), known).front().id, cause::proxy_blocks_data);
    EXPECT_EQ(describe_attempts(known.attempts), "EPSV: proxy p: it cannot connect to h:40001: connection refused");
    known.attempts.front().accepted = false;
    EXPECT_EQ(advise(failed(step::data, errc::refused), known).front().id, cause::data_methods_refused);
    known.failed_at_proxy = true;
    for (const auto at : {step::resolve, step::connect})
        EXPECT_EQ(advise(failed(at, errc::refused), known).front().id, cause::proxy_failed);
}

// ---- The line

TEST(advice, the_line_says_what_was_done_unless_the_error_does) {
    const auto known = at_home();
    const auto none = make_failure({step::connect, {errc::refused, 0, "cannot connect to x: no"}}, known, "connecting to x");
    EXPECT_EQ(none.text(), "cannot connect to x: no.");
    const auto closed = make_failure({step::greeting, {errc::closed, 0, "a: b"}}, known, "connecting to x");
    EXPECT_EQ(closed.text(), "connecting to x: a: b.");
}

TEST(advice, every_cause_has_a_side_and_a_remedy) {
    for (auto c = cause::host_not_found; c <= cause::unknown_listing_format;
         c = static_cast<cause>(static_cast<unsigned>(c) + 1)) {
        EXPECT_EQ(row_of(c).id, c);
        if (c != cause::file_in_use) {
            EXPECT_NE(row_of(c).next, remedy::none);
        }
    }
}

}  // namespace
}  // namespace sallyport::client
