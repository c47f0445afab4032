#include <sallyport/proto/relay_protection.hpp>

#include <gtest/gtest.h>

namespace sallyport::proto {
namespace {

constexpr auto nothing = std::nullopt;

struct session {
    explicit session(bool match = false, bool pass = false) {
        settings.tls_available = true;
        settings.ccc_allowed = true;
        if (pass) settings.auth = client_tls::passes;
        settings.backend.match_tls = match;
        protection.emplace(settings);
        backend.connect(settings.backend, out);
    }
    std::optional<relay_event> send(verb id, std::string_view name, std::string_view argument, bool logged_in = false) {
        const command cmd{id, std::string(name), std::string(argument)};
        if (const auto no = protection->refuse(cmd, 0, settings)) {
            out.send_local_reply(*no);
            return nothing;
        }
        return protection->handle(cmd, settings, logged_in, backend, out);
    }
    /// The codes of what the client got, and what the backend got.
    std::string sent() {
        std::string client;
        std::string server;
        out.release_client_output(client);
        out.release_backend_output(server);
        return client.substr(0, 3) + '|' + server;
    }

    relay_settings settings;
    std::optional<relay_protection> protection;
    relay_backend_leg backend;
    relay_output out;
};

TEST(RelayProtection, TheClientLegAlone) {
    session s;
    EXPECT_EQ(s.send(verb::auth, "AUTH", "TLS"), relay_event::client_tls_offered);
    EXPECT_EQ(s.sent(), "234|");
    s.protection->client_tls_started();
    EXPECT_EQ(s.send(verb::prot, "PROT", "P"), nothing);
    EXPECT_EQ(s.sent(), "503|") << "PBSZ comes first";
    EXPECT_EQ(s.send(verb::pbsz, "PBSZ", "0"), nothing);
    EXPECT_EQ(s.sent(), "200|");
    EXPECT_EQ(s.send(verb::ccc, "CCC", ""), nothing);
    EXPECT_EQ(s.sent(), "534|") << "data are not encrypted";
    EXPECT_EQ(s.send(verb::prot, "PROT", "P"), nothing);
    EXPECT_EQ(s.sent(), "200|");
    EXPECT_TRUE(s.protection->client().data());
    EXPECT_EQ(s.send(verb::ccc, "CCC", ""), relay_event::ccc_accepted);
    EXPECT_EQ(s.sent(), "200|");
    s.protection->client_tls_ended();
    EXPECT_FALSE(s.protection->client().tls());
}

TEST(RelayProtection, ALegThatMatchesComesFirst) {
    session s(true);
    EXPECT_EQ(s.send(verb::auth, "AUTH", "TLS"), relay_event::auth_sent);
    EXPECT_EQ(s.sent(), "|AUTH TLS\r\n");
    s.out.remove_pending(0);
    EXPECT_EQ(s.protection->on_auth_reply({500, {"No."}}, s.settings, s.out), relay_event::auth_refused);
    EXPECT_EQ(s.sent(), "431|");
    EXPECT_EQ(s.protection->on_auth_reply({234, {"Go."}}, s.settings, s.out), relay_event::auth_accepted);
    EXPECT_EQ(s.sent(), "|");
    EXPECT_EQ(s.protection->backend_tls_started(s.out), relay_event::client_tls_offered);
    EXPECT_EQ(s.sent(), "234|");
    EXPECT_TRUE(s.out.backend_tls());
    EXPECT_EQ(s.send(verb::auth, "AUTH", "TLS"), relay_event::client_tls_offered) << "it has TLS already";
}

TEST(RelayProtection, ProtIsForBothLegsAfterTheLogin) {
    session s(true);
    s.protection->client_tls_started();
    (void)s.send(verb::pbsz, "PBSZ", "0");
    (void)s.sent();
    EXPECT_EQ(s.send(verb::prot, "PROT", "P", true), relay_event::command_sent);
    EXPECT_EQ(s.sent(), "|PBSZ 0\r\nPROT P\r\n");
    s.protection->on_prot_reply({534, {"No."}}, true, s.backend);
    EXPECT_FALSE(s.protection->client().data() || s.backend.data_protected());
    s.protection->on_prot_reply({200, {"Ok."}}, true, s.backend);
    EXPECT_TRUE(s.protection->client().data() && s.backend.data_protected());
    s.protection->reset_levels();
    EXPECT_FALSE(s.protection->client().data());
}

TEST(RelayProtection, TlsThatPassesIsTheBackends) {
    session s(false, true);
    EXPECT_EQ(s.send(verb::auth, "AUTH", "TLS"), relay_event::auth_sent);
    EXPECT_EQ(s.sent(), "|AUTH TLS\r\n");
    s.out.remove_pending(0);
    EXPECT_EQ(s.protection->on_auth_reply({502, {"No."}}, s.settings, s.out), relay_event::auth_refused);
    EXPECT_EQ(s.sent(), "502|");
    EXPECT_EQ(s.protection->on_auth_reply({234, {"Go."}}, s.settings, s.out), relay_event::passthrough_accepted);
    EXPECT_EQ(s.sent(), "234|");
}

TEST(RelayProtection, BytesAfterAuthEndTheSession) {
    session s;
    EXPECT_EQ(s.protection->refuse({verb::auth, "AUTH", "TLS"}, 1, s.settings)->code, 421);
    EXPECT_EQ(s.protection->refuse({verb::noop, "NOOP", ""}, 1, s.settings), nothing);
    EXPECT_EQ(s.protection->refuse({verb::rein, "REIN", ""}, 0, s.settings), nothing);
}

}  // namespace
}  // namespace sallyport::proto
