#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sallyport/client/session_fixture.hpp>

namespace sallyport::client {
namespace {

using testing::data_end;
using ::testing::HasSubstr;
using testing::scripted_server;
using testing::tls_identity;

const tls_identity& identity() {
    static const tls_identity it = [] {
        const auto made = *net::make_self_signed({"127.0.0.1"}, 1);
        return tls_identity(made.certificate, made.key);
    }();
    return it;
}

behaviour tls_behaviour() {
    behaviour b;
    b.tls = &identity();
    b.files["file"] = std::string(100'000, 't');
    return b;
}

std::size_t position(const ftp_stub& server, std::string_view line) {
    const auto all = server.commands();
    return static_cast<std::size_t>(std::ranges::find(all, line) - all.begin());
}

TEST(client_tls, C5_explicit_protects_the_login_and_the_data) {
    ftp_stub server(tls_behaviour());
    memory_file to;
    const auto r = get(server.url("file", "ftpes"), to, quick_tls());
    ASSERT_TRUE(r.got) << r.text();
    EXPECT_EQ(to.content(), std::string(100'000, 't'));
    EXPECT_TRUE(r.got->tls);
    EXPECT_LT(position(server, "AUTH TLS"), position(server, "USER anonymous"));
}

TEST(client_tls, C5_implicit) {
    auto b = tls_behaviour();
    b.implicit_tls = true;
    ftp_stub server(b);
    memory_file to;
    const auto r = get(server.url("file", "ftps"), to, quick_tls());
    ASSERT_TRUE(r.got) << r.text();
    EXPECT_FALSE(server.saw("AUTH"));
}

/// Refuses every key, and keeps the last one.
options refusing_keys(key_refusal reason, std::string& seen) {
    auto how = quick_tls();
    how.check_key = [reason, &seen](const std::string& key) {
        seen = key;
        return std::optional(refused_key{reason, "the key is not the right one"});
    };
    return how;
}

TEST(client_tls, C5_a_key_that_is_refused_ends_the_session_before_the_login) {
    ftp_stub server(tls_behaviour());
    for (const auto& [reason, expected] :
         {std::pair(key_refusal::unknown, cause::key_unknown), std::pair(key_refusal::changed, cause::key_changed)}) {
        const memory_file to;
        std::string key;
        const auto r = get(server.url("file", "ftpes"), to, refusing_keys(reason, key));
        ASSERT_FALSE(r.got);
        EXPECT_EQ(r.got.error().at, step::tls);
        EXPECT_EQ(r.got.error().cause.code, errc::tls_untrusted);
        EXPECT_THAT(r.causes(), ::testing::ElementsAre(expected));
        EXPECT_EQ(r.got.error().causes.front().key, key);
        EXPECT_TRUE(key.starts_with("sha256//"));
        EXPECT_EQ(r.got.error().causes.front().url + "file", server.url("file", "ftpes"));
    }
    EXPECT_FALSE(server.saw("USER"));
}

TEST(client_tls, C5_a_certificate_that_is_not_trusted_shows_its_key) {
    ftp_stub server(tls_behaviour());
    const memory_file to;
    std::string key;
    (void)get(server.url("file", "ftpes"), to, refusing_keys(key_refusal::unknown, key));
    auto strict = quick_tls();
    strict.tls = *net::tls_client_context::make({});
    const auto r = get(server.url("file", "ftpes"), to, strict);
    ASSERT_THAT(r.causes(), ::testing::ElementsAre(cause::certificate_untrusted));
    EXPECT_EQ(r.got.error().causes.front().key, key);
}

TEST(client_tls, C5_each_data_connection_resumes_the_session) {
    ftp_stub server(tls_behaviour());
    memory_file to;
    const auto r = get(server.url("file", "ftpes"), to, quick_tls());
    ASSERT_TRUE(r.got) << r.text();
    EXPECT_TRUE(r.got->tls_resumed);
    EXPECT_EQ(server.resumed_data_connections(), 1);
}

TEST(client_tls, uploads_end_in_good_order) {
    ftp_stub server(tls_behaviour());
    const std::string content(700'000, 'u');
    const memory_file from(content);
    const auto r = put(from, server.url("new", "ftpes"), quick_tls());
    ASSERT_TRUE(r.got) << r.text();
    EXPECT_EQ(server.stored("new"), content);
}

TEST(client_tls, lists_under_TLS) {
    ftp_stub server(tls_behaviour());
    const auto r = list(server.url("", "ftpes"), quick_tls());
    ASSERT_TRUE(r.got) << r.text();
    EXPECT_EQ(r.got->entries.size(), 1U);
}

TEST(client_tls, TLS_05_a_download_that_is_cut_is_no_success) {
    auto b = tls_behaviour();
    b.ends = data_end::cut;
    b.says_sizes = false;
    ftp_stub server(b);
    memory_file to;
    const auto r = get(server.url("file", "ftpes"), to, quick_tls());
    ASSERT_FALSE(r.got);
    EXPECT_EQ(r.got.error().cause.code, errc::truncated);
    // If SIZE over TLS confirms every byte, a missing close_notify is only a warning.
    b.says_sizes = true;
    ftp_stub impolite(b);
    memory_file other;
    const auto s = get(impolite.url("file", "ftpes"), other, quick_tls());
    ASSERT_TRUE(s.got) << s.text();
    EXPECT_EQ(s.got->warnings.size(), 1U);
}

TEST(client_tls, TLS_08_an_unknown_authority_is_refused_unless_accepted) {
    ftp_stub server(tls_behaviour());
    auto how = quick();
    how.tls = *net::tls_client_context::make({});
    memory_file to;
    const auto r = get(server.url("file", "ftpes"), to, how);
    ASSERT_FALSE(r.got);
    EXPECT_EQ(r.got.error().at, step::tls);
    EXPECT_EQ(r.got.error().cause.code, errc::tls_untrusted);
    EXPECT_THAT(r.causes(), ::testing::ElementsAre(cause::certificate_untrusted));
    EXPECT_FALSE(server.saw("USER"));
}

TEST(client_tls, TLS_08_data_with_another_certificate_are_refused) {
    const auto made = *net::make_self_signed({"127.0.0.1"}, 1);
    const tls_identity other(made.certificate, made.key);
    auto b = tls_behaviour();
    b.data_tls = &other;
    ftp_stub server(b);
    memory_file to;
    const auto r = get(server.url("file", "ftpes"), to, quick_tls());
    ASSERT_FALSE(r.got);
    EXPECT_EQ(to.content(), "");
}

TEST(client_tls, TLS_02_injected_replies_end_the_session) {
    const scripted_server server([](testing::blocking_socket& control) {
        control.send("220 hi\r\n");
        EXPECT_EQ(control.read_line(), "AUTH TLS");
        control.send("234 ok\r\n230 in\r\n257 \"/x\"\r\n");
        if (!control.accept_tls(identity())) return;
        EXPECT_EQ(control.read_line(), "");
    });
    memory_file to;
    const auto r = get(server.url("ftpes", "x"), to, quick_tls());
    ASSERT_FALSE(r.got);
    EXPECT_EQ(r.got.error().at, step::tls);
    EXPECT_EQ(r.got.error().cause.code, errc::unexpected);
}

TEST(client_tls, TLS_03_no_TLS_no_USER) {
    for (const auto* reply : {"500 what", "502 no", "534 no", "230 in", "421 no"}) {
        ftp_stub server({.replies = {{"AUTH", reply}}});
        memory_file to;
        const auto r = get(server.url("file", "ftp+tls"), to, quick_tls());
        ASSERT_FALSE(r.got) << reply;
        EXPECT_FALSE(server.saw("USER")) << reply;
        EXPECT_FALSE(server.saw("PASS")) << reply;
    }
}

TEST(client_tls, C3_a_handshake_that_does_not_start_times_out) {
    const scripted_server server([](testing::blocking_socket& control) {
        control.send("220 hi\r\n");
        control.read_line();
        control.send("234 go on\r\n");
        while (!control.receive().empty()) {
        }  // the ClientHello, and then the end
    });
    memory_file to;
    auto how = quick_tls();
    how.tls_handshake = 300ms;
    const auto r = get(server.url("ftpes", "x"), to, how);
    ASSERT_FALSE(r.got);
    EXPECT_EQ(r.got.error().cause.code, errc::timeout);
    EXPECT_LT(r.elapsed, 2s);
}

}  // namespace
}  // namespace sallyport::client
