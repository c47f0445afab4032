#include <sallyport/proto/relay_backend_leg.hpp>

#include <gtest/gtest.h>

namespace sallyport::proto {
namespace {

[[nodiscard]] std::string to_backend(relay_output& out) {
    std::string text;
    out.release_backend_output(text);
    return text;
}

[[nodiscard]] relay_backend with_tls(bool protect, bool match) {
    relay_backend server;
    server.protect = protect;
    server.match_tls = match;
    return server;
}

TEST(RelayBackendLeg, AReleasedConnectionIsForgottenButForWhatTheServerRefuses) {
    relay_output out;
    relay_backend_leg leg;
    EXPECT_FALSE(leg.is_connected());
    leg.connect(with_tls(true, false), out);
    EXPECT_TRUE(leg.is_connected() && out.backend_tls());
    leg.add_refused(data_method::epsv);
    leg.append("220-half");
    EXPECT_TRUE(leg.reply_begun());
    leg.protect_after_login(false, out);
    leg.release(out);
    EXPECT_FALSE(leg.is_connected() || leg.data_protected() || leg.reply_begun() || out.backend_tls());
    EXPECT_TRUE(out.pending().empty());
    EXPECT_FALSE(out.has_backend_output());
    EXPECT_TRUE(leg.server().refused.contains(data_method::epsv));
}

TEST(RelayBackendLeg, DataAreProtectedAfterALoginOverTls) {
    relay_output out;
    relay_backend_leg leg;
    leg.connect(with_tls(true, false), out);
    leg.protect_after_login(false, out);
    EXPECT_EQ(to_backend(out), "PBSZ 0\r\nPROT P\r\n");
    EXPECT_TRUE(leg.data_protected());
    leg.protect_after_login(false, out);
    EXPECT_EQ(to_backend(out), "") << "once";
}

TEST(RelayBackendLeg, WithoutTlsNothingIsProtected) {
    relay_output out;
    relay_backend_leg leg;
    leg.connect(with_tls(false, false), out);
    leg.protect_after_login(true, out);
    EXPECT_EQ(to_backend(out), "");
}

TEST(RelayBackendLeg, ALegThatMatchesFollowsTheClientsLevel) {
    relay_output out;
    relay_backend_leg leg;
    leg.connect(with_tls(true, true), out);
    leg.protect_after_login(false, out);
    EXPECT_EQ(to_backend(out), "") << "the client has sent no PROT P";
    leg.send_prot(false, reply_kind::prot, out);
    EXPECT_EQ(to_backend(out), "PBSZ 0\r\nPROT C\r\n");
    leg.send_prot(true, reply_kind::prot, out);
    EXPECT_EQ(to_backend(out), "PROT P\r\n") << "PBSZ is sent once";
    EXPECT_FALSE(leg.data_protected()) << "until the reply";
    leg.set_data_protected(true);
    EXPECT_TRUE(leg.data_protected());
}

}  // namespace
}  // namespace sallyport::proto
