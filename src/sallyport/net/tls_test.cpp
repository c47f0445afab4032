#include <fstream>

#include <gmock/gmock.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <sallyport/net/net_test.hpp>
#include <sallyport/net/tls_hello.hpp>
#include <sallyport/net/tls_hello_test.hpp>

namespace sallyport::net {
namespace {

/// A server's certificate, and a CA file to verify it.
class tls_test : public net_test {
protected:
    tls_test() {
        const auto made = make_self_signed({"localhost", "127.0.0.1"}, 30);
        server = *tls_server_context::from_pem(made->certificate, made->key);
        std::ofstream(ca_file) << made->certificate;
    }
    ~tls_test() override { std::filesystem::remove(ca_file); }

    [[nodiscard]] tls_client_context trusting(bool tls12_only = false) const {
        return *tls_client_context::make({.verify = true, .ca_file = ca_file, .tls12_only = tls12_only});
    }

    std::string ca_file = testing::TempDir() + "sallyport-tls-test-" + std::to_string(::getpid()) + ".pem";
    tls_server_context server;
    tls_client_context unverified = *tls_client_context::make({.verify = false});
};

tls_connect_options to_localhost() { return {.server_name = "localhost"}; }

struct handshakes {
    stream client;
    stream server;
    std::optional<error> client_error;
    std::optional<error> server_error;
    // The client's session, also after the end of TLS.
    tls_session session{};
};

task<std::optional<error>> accept_one(stream& s, const tls_server_context& context, std::string id, bool resumption) {
    const tls_accept_options options{.session_id_context = std::move(id), .resumption = resumption};
    const auto done = co_await s.accept_tls(context, options, soon());
    co_return done ? std::nullopt : std::optional(done.error());
}

/// A TLS connection after the first bytes in both directions, so that the TLS 1.3 tickets have arrived.
task<handshakes> shake_hands(loop& l, tls_server_context context, tls_client_context client_context,
                             tls_connect_options options, std::string id, bool resumption = true) {
    auto pair = co_await make_stream_pair(l);
    handshakes h{.client = std::move(pair.client), .server = std::move(pair.server)};
    concurrent_task accepting(l, accept_one(h.server, context, std::move(id), resumption));
    const auto connected = co_await h.client.connect_tls(client_context, options, soon());
    if (!connected) h.client_error = connected.error();
    if (!connected) h.client.close();
    h.server_error = co_await accepting.get();
    if (h.client_error || h.server_error) co_return h;
    std::array<char, 16> buffer;
    const auto asked = co_await h.client.write_all("a", soon());
    const auto question = co_await h.server.read_some(buffer, soon());
    const auto answered = co_await h.server.write_all("b", soon());
    const auto answer = co_await h.client.read_some(buffer, soon());
    if (!asked || !question || !answered || !answer) h.client_error = error{errc::misuse, 0, "no bytes after the handshake"};
    h.session = h.client.session();
    co_return h;
}

TEST_F(tls_test, completes_a_handshake_and_reports_its_facts) {
    const auto h = run(shake_hands(test_loop(), server, trusting(), {.server_name = "localhost"}, "s"));
    ASSERT_FALSE(h.client_error || h.server_error);
    EXPECT_EQ(h.client.tls().version, "TLSv1.3");
    EXPECT_EQ(h.server.tls().alpn, "ftp");
    EXPECT_EQ(h.client.tls().peer_fingerprint, server.fingerprint());
    EXPECT_TRUE(h.client.tls().peer_key.starts_with("sha256//"));
    EXPECT_EQ(h.client.tls().peer_key.size(), 8U + 44U);
    EXPECT_EQ(h.server.tls().peer_key, "") << "the client has no certificate";
    EXPECT_FALSE(h.client.tls().resumed);
    EXPECT_TRUE(h.client.session());
}

TEST_F(tls_test, TLS08_verifies_names_and_addresses) {
    EXPECT_FALSE(run(shake_hands(test_loop(), server, trusting(), {.server_name = "127.0.0.1"}, "s")).client_error);
    const auto other = run(shake_hands(test_loop(), server, trusting(), {.server_name = "ftp.example.org"}, "s"));
    ASSERT_TRUE(other.client_error);
    EXPECT_EQ(other.client_error->code, errc::tls_untrusted);
    EXPECT_THAT(other.client_error->what, testing::HasSubstr("ostname mismatch"));
    const auto address = run(shake_hands(test_loop(), server, trusting(), {.server_name = "127.0.0.2"}, "s"));
    ASSERT_TRUE(address.client_error);
    EXPECT_EQ(address.client_error->code, errc::tls_untrusted);
}

TEST_F(tls_test, TLS08_the_zone_of_an_address_is_not_looked_for_in_the_certificate) {
    const auto made = make_self_signed({"fe80::1"}, 30);
    std::ofstream(ca_file) << made->certificate;
    const auto link_local = *tls_server_context::from_pem(made->certificate, made->key);
    EXPECT_FALSE(run(shake_hands(test_loop(), link_local, trusting(), {.server_name = "fe80::1%lo"}, "s")).client_error);
    const auto other = run(shake_hands(test_loop(), link_local, trusting(), {.server_name = "fe80::2%lo"}, "s"));
    ASSERT_TRUE(other.client_error);
    EXPECT_EQ(other.client_error->code, errc::tls_untrusted);
}

TEST_F(tls_test, TLS08_a_self_signed_certificate_is_not_trusted_by_itself) {
    const auto system_store = *tls_client_context::make({});
    const auto h = run(shake_hands(test_loop(), server, system_store, {.server_name = "localhost"}, "s"));
    ASSERT_TRUE(h.client_error);
    EXPECT_EQ(h.client_error->code, errc::tls_untrusted);
    EXPECT_THAT(h.client_error->what, testing::HasSubstr("self-signed"));
    ASSERT_TRUE(h.server_error);
    EXPECT_EQ(h.server_error->code, errc::tls);
    EXPECT_FALSE(run(shake_hands(test_loop(), server, unverified, {.server_name = "anything"}, "s")).client_error);
}

enum class client_kind { v13, v12, v12_without_tickets };

class tls_versions : public tls_test, public testing::WithParamInterface<client_kind> {
protected:
    /// The client under test.
    [[nodiscard]] tls_client_context client() const {
        auto made = trusting(GetParam() != client_kind::v13);
        if (GetParam() == client_kind::v12_without_tickets) SSL_CTX_set_options(made.get(), SSL_OP_NO_TICKET);
        return made;
    }
};
INSTANTIATE_TEST_SUITE_P(tls, tls_versions,
                         testing::Values(client_kind::v12, client_kind::v12_without_tickets, client_kind::v13),
                         [](const auto& p) {
                             return p.param == client_kind::v13   ? "v13"
                                    : p.param == client_kind::v12 ? "v12"
                                                                  : "v12_without_tickets";
                         });

TEST_P(tls_versions, TLS04a_a_data_connection_resumes_its_control_session) {
    const auto as = client();
    const auto control = run(shake_hands(test_loop(), server, as, {.server_name = "localhost"}, "session 1"));
    const auto data = run(shake_hands(test_loop(), server, as, {"localhost", control.client.session()}, "session 1"));
    ASSERT_FALSE(data.client_error || data.server_error);
    EXPECT_TRUE(data.server.tls().resumed);
    EXPECT_TRUE(data.client.tls().resumed);
}

TEST_P(tls_versions, TLS04b_another_session_is_not_resumed) {
    const auto as = client();
    const auto control = run(shake_hands(test_loop(), server, as, {.server_name = "localhost"}, "session 1"));
    const auto data = run(shake_hands(test_loop(), server, as, {"localhost", control.client.session()}, "session 2"));
    ASSERT_FALSE(data.client_error || data.server_error) << "a full handshake is done instead";
    EXPECT_FALSE(data.server.tls().resumed);
}

TEST_P(tls_versions, TLS04c_no_session_is_not_resumed) {
    const auto as = client();
    const auto data = run(shake_hands(test_loop(), server, as, {.server_name = "localhost"}, "session 1"));
    EXPECT_FALSE(data.server.tls().resumed);
}

// Such a session can only be found while its entry lives.
TEST_F(tls_test, TLS04_a_session_without_ticket_ends_with_the_connection_that_started_it) {
    const auto as = trusting(true);
    SSL_CTX_set_options(as.get(), SSL_OP_NO_TICKET);
    const memory_tls_client other(TLS1_2_VERSION);
    const auto of_control = [&] {
        const auto control = run(shake_hands(test_loop(), server, as, {.server_name = "localhost"}, "session 1"));
        const auto named = read_tls_hello(server, other.hello(control.client.session().get()));
        EXPECT_EQ(named.is, tls_hello::kind::resumes);
        EXPECT_EQ(named.session_id_context, "session 1");
        const auto data = run(shake_hands(test_loop(), server, as, {"localhost", control.client.session()}, "session 1"));
        EXPECT_EQ(data.client.session().get(), nullptr) << "it is the control connection's, not another one";
        return control.client.session();
    }();
    EXPECT_EQ(read_tls_hello(server, other.hello(of_control.get())).is, tls_hello::kind::new_session);
    const auto late = run(shake_hands(test_loop(), server, as, {"localhost", of_control}, "session 1"));
    ASSERT_FALSE(late.client_error || late.server_error);
    EXPECT_FALSE(late.server.tls().resumed);
}

task<bool> resumes_after_the_end_of_tls(loop& l, tls_server_context server, tls_client_context client) {
    auto control = co_await shake_hands(l, server, client, to_localhost(), "session 1");
    concurrent_task other(l, control.client.end_tls(1s));
    const auto ended = co_await control.server.end_tls(1s);
    const auto other_finished = co_await other.get();
    if (!ended || !other_finished) co_return false;
    const tls_connect_options again{"localhost", control.session};
    const auto data = co_await shake_hands(l, server, client, again, "session 1");
    co_return !data.server_error && data.server.tls().resumed;
}

TEST_P(tls_versions, TLS06_data_connections_resume_the_session_of_a_control_connection_that_ended_tls) {
    EXPECT_TRUE(run(resumes_after_the_end_of_tls(test_loop(), server, client())));
}

task<bool> resumes_though_off(loop& l, tls_server_context server, tls_client_context client) {
    const auto control = co_await shake_hands(l, server, client, to_localhost(), "session 1", false);
    if (!control.session) co_return false;
    const tls_connect_options again{"localhost", control.session};
    const auto data = co_await shake_hands(l, server, client, again, "session 1", false);
    co_return data.server_error || data.server.tls().resumed;
}

TEST_P(tls_versions, TLS04_where_it_is_off_nothing_is_resumed) {
    EXPECT_FALSE(run(resumes_though_off(test_loop(), server, client())));
}

task<int> resume_often(loop& l, tls_server_context server, tls_client_context client, int times) {
    const tls_connect_options first{.server_name = "localhost"};
    const auto control = co_await shake_hands(l, server, client, first, "session 1");
    const tls_connect_options again{"localhost", control.client.session()};
    for (int i = 0; i < times; ++i) {
        // The same session each time, as clients do. Some transfers are aborted, which must not make it unusable.
        auto data = co_await shake_hands(l, server, client, again, "session 1");
        if (data.client_error || data.server_error || !data.server.tls().resumed) co_return i;
        if (i % 3 == 0) data.client.abort();
        if (i % 5 == 0) data.server.abort();
    }
    co_return times;
}

TEST_P(tls_versions, TLS04_one_session_serves_500_data_connections) {
    EXPECT_EQ(run(resume_often(test_loop(), server, client(), 500)), 500);
}

task<std::string> read_end(stream& s) {
    std::array<char, 16> buffer;
    const auto n = co_await s.read_some(buffer, soon());
    co_return n ? std::to_string(*n) : std::string(name(n.error().code));
}

task<std::string> end_of_stream(loop& l, tls_server_context server, tls_client_context client, bool in_good_order) {
    auto h = co_await shake_hands(l, server, client, to_localhost(), "s");
    if (in_good_order) {
        const auto ended = co_await h.client.shutdown_send(1s);
        EXPECT_TRUE(ended);
    } else {
        ::shutdown(h.client.native_handle(), SHUT_WR);
    }
    const auto seen = co_await read_end(h.server);
    const auto answered = co_await h.server.write_all("226", soon());
    const auto answer = co_await read_end(h.client);
    co_return seen + (answered ? " and " : " but ") + answer;
}

TEST_P(tls_versions, TLS05_only_close_notify_is_the_end) {
    EXPECT_EQ(run(end_of_stream(test_loop(), server, client(), true)), "0 and 3");
    EXPECT_THAT(run(end_of_stream(test_loop(), server, client(), false)), testing::StartsWith("truncated"));
}

task<std::string> final_bytes(loop& l, tls_server_context server, tls_client_context client) {
    auto h = co_await shake_hands(l, std::move(server), std::move(client), to_localhost(), "s");
    const auto written = co_await h.server.write_and_finish("goodbye", soon());
    const auto ended = co_await h.server.shutdown_send(0ms);
    if (!written || !ended) co_return "not written";
    co_return (co_await read_to_end(h.client)).value_or("cut");
}

TEST_P(tls_versions, TLS05_final_bytes_are_followed_by_close_notify) {
    EXPECT_EQ(run(final_bytes(test_loop(), server, client())), "goodbye");
}

task<std::string> reset_under_tls(loop& l, tls_server_context server, tls_client_context client) {
    auto h = co_await shake_hands(l, server, client, to_localhost(), "s");
    h.client.abort();
    co_return co_await read_end(h.server);
}

TEST_F(tls_test, a_reset_stays_a_reset) { EXPECT_EQ(run(reset_under_tls(test_loop(), server, trusting())), "reset"); }

task<std::string> plain_after_tls(loop& l, tls_server_context server, tls_client_context client) {
    auto h = co_await shake_hands(l, server, client, to_localhost(), "s");
    concurrent_task other(l, h.client.end_tls(1s));
    const auto ended = co_await h.server.end_tls(1s);
    const auto other_finished = co_await other.get();
    if (!ended || !other_finished || h.server.is_tls() || h.client.is_tls()) co_return "not ended";
    const auto written = co_await h.client.write_all("PWD", soon());
    const auto seen = co_await read_end(h.server);
    co_return written ? seen : "not written";
}

TEST_P(tls_versions, a_connection_continues_unencrypted_after_the_end_of_tls) {
    EXPECT_EQ(run(plain_after_tls(test_loop(), server, client())), "3");
}

task<std::optional<std::string>> send_over_tls(loop& l, tls_server_context server, tls_client_context client,
                                               std::string bytes) {
    auto h = co_await shake_hands(l, server, client, to_localhost(), "s");
    const auto file = make_memory_file(bytes);
    concurrent_task reader(l, read_to_end(h.client));
    std::uint64_t progress = 0;
    const auto sent = co_await h.server.send_file(file.get(), 0, bytes.size() + 5, soon(), progress);
    EXPECT_EQ(progress, bytes.size());
    EXPECT_EQ(sent.value_or(0), bytes.size());
    const auto ended = co_await h.server.shutdown_send(1s);
    EXPECT_TRUE(ended);
    co_return co_await reader.get();
}

TEST_P(tls_versions, sends_complete_files) {
    const auto bytes = sample_bytes(5'000'011);
    EXPECT_EQ(run(send_over_tls(test_loop(), server, client(), bytes)), bytes);
}

task<> echo(stream& s) {
    std::vector<char> buffer(40'000);
    for (;;) {
        const auto n = co_await s.read_some(buffer, soon());
        if (!n || *n == 0) break;
        const auto written = co_await s.write_all({buffer.data(), *n}, soon());
        if (!written) break;
    }
    co_await s.shutdown_send(1s);
}

task<bool> write_and_finish_all(stream& s, std::string bytes) {
    const auto written = co_await s.write_all(bytes, soon());
    const auto ended = co_await s.shutdown_send(1s);
    co_return written.has_value() && ended.has_value();
}

task<std::optional<std::string>> both_ways_at_once(loop& l, tls_server_context server, tls_client_context client,
                                                   std::string bytes) {
    auto h = co_await shake_hands(l, server, client, to_localhost(), "s");
    l.spawn("an echo", echo(h.server));
    concurrent_task writing(l, write_and_finish_all(h.client, bytes));
    auto all = co_await read_to_end(h.client);
    const bool written = co_await writing.get();
    co_return written ? all : std::nullopt;
}

TEST_P(tls_versions, reads_and_writes_at_the_same_time) {
    const auto bytes = sample_bytes(3'000'000);
    EXPECT_EQ(run(both_ways_at_once(test_loop(), server, client(), bytes)), bytes);
}

/// A client context that requests another protocol.
tls_client_context asking_for(tls_client_context c, std::string_view protocol) {
    const auto list = std::string(1, static_cast<char>(protocol.size())) + std::string(protocol);
    const auto* bytes = reinterpret_cast<const unsigned char*>(list.data());
    SSL_CTX_set_alpn_protos(c.get(), bytes, protocol.empty() ? 0U : static_cast<unsigned>(list.size()));
    return c;
}

TEST_F(tls_test, TLS07_a_client_that_wants_another_protocol_is_refused) {
    const auto h = run(shake_hands(test_loop(), server, asking_for(unverified, "h2"), {.server_name = "localhost"}, "s"));
    ASSERT_TRUE(h.client_error && h.server_error);
    EXPECT_THAT(h.client_error->what, testing::HasSubstr("no application protocol"));
    EXPECT_THAT(h.server_error->what, testing::HasSubstr("another protocol than FTP"));
}

TEST_F(tls_test, TLS07_a_client_that_names_none_is_served) {
    const auto h = run(shake_hands(test_loop(), server, asking_for(unverified, ""), {.server_name = "localhost"}, "s"));
    ASSERT_FALSE(h.client_error || h.server_error);
    EXPECT_EQ(h.server.tls().alpn, "");
}

TEST_F(tls_test, TLS10_versions_before_1_2_are_refused) {
    const auto old = *tls_client_context::make({.verify = false});
    SSL_CTX_set_min_proto_version(old.get(), TLS1_1_VERSION);
    SSL_CTX_set_max_proto_version(old.get(), TLS1_1_VERSION);
    SSL_CTX_set_cipher_list(old.get(), "ALL:@SECLEVEL=0");
    const auto h = run(shake_hands(test_loop(), server, old, {.server_name = "localhost"}, "s"));
    ASSERT_TRUE(h.server_error);
    EXPECT_EQ(h.server_error->code, errc::tls);
    EXPECT_THAT(h.server_error->what, testing::HasSubstr("TLS 1.2"));
}

task<error> not_tls(loop& l, tls_client_context client, std::string greeting, bool close) {
    auto pair = co_await make_stream_pair(l);
    const auto written = co_await pair.server.write_all(greeting, soon());
    if (close) pair.server.close();
    const auto options = to_localhost();
    const auto done = co_await pair.client.connect_tls(client, options, time_limit::within(100ms));
    co_return done&& written ? error{} : done.error();
}

TEST_F(tls_test, TLS09_a_failed_handshake_says_why) {
    const auto failure = run(not_tls(test_loop(), unverified, "220 ready\r\n", false));
    EXPECT_EQ(failure.code, errc::tls);
    EXPECT_THAT(failure.what, testing::HasSubstr("does not use TLS"));
    EXPECT_EQ(run(not_tls(test_loop(), unverified, "", false)).code, errc::timeout);
}

task<error> closed_in_handshake(loop& l, tls_server_context server) {
    auto pair = co_await make_stream_pair(l);
    pair.client.close();
    const tls_accept_options options{"s"};
    const auto done = co_await pair.server.accept_tls(server, options, soon());
    co_return done ? error{} : done.error();
}

TEST_F(tls_test, TLS09_a_peer_that_closes_during_the_handshake_is_named) {
    EXPECT_THAT(run(closed_in_handshake(test_loop(), server)).what,
                testing::HasSubstr("closed the connection during the handshake"));
}

// ---- Handshakes that resume no session

struct admission {
    bool answer = true;
    int asked = 0;
};

task<bool> admit_later(loop& l, admission& a) {
    ++a.asked;
    co_await l.sleep_for(10ms);
    co_return a.answer;
}

/// The error of the server, or of the client, or nothing.
task<std::string> held_handshake(loop& l, tls_server_context server, tls_client_context client, admission& a,
                                 tls_session& session) {
    auto pair = co_await make_stream_pair(l);
    tls_accept_options how{"s"};
    how.admit_new_session = [&l, &a] { return admit_later(l, a); };
    concurrent_task accepting(l, pair.server.accept_tls(server, how, soon()));
    const tls_connect_options options{.server_name = "localhost", .resume = session};
    const auto connected = co_await pair.client.connect_tls(client, options, time_limit::within(200ms));
    const auto accepted = co_await accepting.get();
    if (!accepted) co_return accepted.error().what;
    if (!connected) co_return connected.error().what;
    std::array<char, 16> buffer;
    const auto sent = co_await pair.server.write_all("b", soon());
    const auto got = co_await pair.client.read_some(buffer, soon());
    session = pair.client.session();
    co_return sent&& got ? "" : "no bytes after the handshake";
}

TEST_F(tls_test, TLS04_a_new_session_waits_for_its_admission) {
    for (const bool tls12 : {false, true}) {
        admission a;
        tls_session session;
        EXPECT_EQ(run(held_handshake(test_loop(), server, trusting(tls12), a, session)), "");
        EXPECT_EQ(a.asked, 1);
        a.answer = false;
        EXPECT_EQ(run(held_handshake(test_loop(), server, trusting(tls12), a, session)), "") << "it resumes the session";
        EXPECT_EQ(a.asked, 1);
        session = {};
        EXPECT_THAT(run(held_handshake(test_loop(), server, trusting(tls12), a, session)),
                    testing::HasSubstr("did not resume"));
        EXPECT_EQ(a.asked, 2);
    }
}

// CVE-2002-20001.
TEST_F(tls_test, RX03_key_exchange_in_finite_fields_is_refused) {
    const auto with_groups = [](std::string names) {
        auto client = *tls_client_context::make({.verify = false});
        SSL_CTX_ctrl(client.get(), SSL_CTRL_SET_GROUPS_LIST, 0, names.data());
        return client;
    };
    EXPECT_FALSE(run(shake_hands(test_loop(), server, with_groups("P-384"), to_localhost(), "s")).client_error);
    EXPECT_FALSE(run(shake_hands(test_loop(), server, with_groups("ffdhe8192:P-256"), to_localhost(), "s")).client_error)
        << "the server requests another key share";
    EXPECT_TRUE(run(shake_hands(test_loop(), server, with_groups("ffdhe2048"), to_localhost(), "s")).client_error);
}

TEST_F(tls_test, unusable_files_are_named) {
    const auto missing = tls_server_context::from_files({{"/nonexistent/cert.pem", ""}});
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, errc::not_found);
    EXPECT_THAT(missing.error().text(), testing::HasSubstr("/nonexistent/cert.pem"));
    EXPECT_FALSE(tls_server_context::from_files({{"/dev/null", ""}}));
    const auto other = make_self_signed({"a"}, 1);
    const auto own = make_self_signed({"b"}, 1);
    const auto mixed = tls_server_context::from_pem(own->certificate, other->key);
    ASSERT_FALSE(mixed);
    EXPECT_THAT(mixed.error().what, testing::HasSubstr("does not belong"));
    EXPECT_FALSE(tls_client_context::make({.ca_file = "/nonexistent/ca.pem"}));
    EXPECT_FALSE(make_self_signed({"a,DNS:evil"}, 1));
}

}  // namespace
}  // namespace sallyport::net
