#include <sallyport/proto/client_side/protection.hpp>

#include <gtest/gtest.h>

namespace sallyport::proto {
namespace {

constexpr protection_rules explicit_tls{.auth_offered = true, .ccc_allowed = true};

[[nodiscard]] command cmd(std::string_view line) { return *parse_command(line); }
[[nodiscard]] int code(const std::optional<local_reply>& r) { return r ? r->code : 0; }

/// 1 for P, 0 for C, or the code of the refusal.
[[nodiscard]] int level(const client_protection& p, std::string_view line, bool required = false) {
    const auto read = p.read_prot(cmd(line), required);
    return read ? int(*read) : read.error().code;
}

[[nodiscard]] client_protection under_tls() {
    client_protection p(explicit_tls);
    EXPECT_FALSE(p.accept_auth(cmd("AUTH TLS"), 0));
    p.tls_started();
    return p;
}

[[nodiscard]] client_protection with_level() {
    auto p = under_tls();
    EXPECT_FALSE(p.accept_pbsz(cmd("PBSZ 0")));
    p.set_data(true);
    return p;
}

TEST(ClientProtection, BeginsWithTheHandshake) {
    client_protection p(explicit_tls);
    EXPECT_EQ(code(p.accept_auth(cmd("AUTH SSL"), 0)), 0);
    EXPECT_FALSE(p.tls() || p.data()) << "AUTH may still be refused later";
    p.tls_started();
    EXPECT_TRUE(p.tls() && p.data()) << "AUTH SSL implies PROT P";
    EXPECT_FALSE(under_tls().data());
    EXPECT_EQ(code(p.accept_auth(cmd("AUTH TLS"), 0)), 503);
}

TEST(ClientProtection, RefusesAuth) {
    client_protection p(explicit_tls);
    EXPECT_EQ(code(p.accept_auth(cmd("AUTH KERBEROS"), 0)), 504);
    EXPECT_EQ(code(p.accept_auth(cmd("AUTH TLS"), 1)), 421);
    client_protection none({});
    EXPECT_EQ(code(none.accept_auth(cmd("AUTH TLS"), 0)), 502);
    EXPECT_EQ(code(none.accept_pbsz(cmd("PBSZ 0"))), 502);
    EXPECT_EQ(level(none, "PROT P"), 502);
}

TEST(ClientProtection, RequiresPbszBeforeProt) {
    auto p = under_tls();
    EXPECT_EQ(level(p, "PROT P"), 503);
    EXPECT_EQ(code(p.accept_pbsz(cmd("PBSZ 4294967296"))), 501);
    EXPECT_EQ(level(p, "PROT P"), 503);
    EXPECT_EQ(code(p.accept_pbsz(cmd("PBSZ 0"))), 0);
    EXPECT_EQ(level(p, "PROT p"), 1);
    EXPECT_EQ(level(p, "PROT C"), 0);
    EXPECT_EQ(level(p, "PROT C", true), 534);
    EXPECT_EQ(level(p, "PROT S"), 536);
    EXPECT_EQ(level(p, "PROT E"), 536);
    EXPECT_EQ(level(p, "PROT X"), 504);
    EXPECT_FALSE(p.data()) << "read_prot() changes no state";
}

TEST(ClientProtection, ResetsPbszAndLevelAfterRein) {
    auto p = with_level();
    EXPECT_FALSE(p.refuse_rein());
    p.reset_levels();
    EXPECT_TRUE(p.tls());
    EXPECT_FALSE(p.data());
    EXPECT_EQ(level(p, "PROT P"), 503);
    client_protection implicit({.implicit_tls = true});
    implicit.set_data(false);
    implicit.reset_levels();
    EXPECT_TRUE(implicit.data());
}

TEST(ClientProtection, KeepsTheLevelAfterCcc_TLS06) {
    auto p = under_tls();
    EXPECT_EQ(code(p.refuse_ccc(0, false)), 534) << "data is not encrypted";
    p = with_level();
    EXPECT_EQ(code(p.refuse_ccc(0, true)), 534);
    EXPECT_EQ(code(p.refuse_ccc(1, false)), 421);
    EXPECT_EQ(code(p.refuse_ccc(0, false)), 0);
    p.tls_ended();
    EXPECT_TRUE(!p.tls() && p.cleared() && p.data());
    EXPECT_EQ(level(p, "PROT C"), 503);
    EXPECT_EQ(code(p.accept_pbsz(cmd("PBSZ 0"))), 503);
    EXPECT_EQ(code(p.accept_auth(cmd("AUTH TLS"), 0)), 503);
    EXPECT_EQ(code(p.refuse_ccc(0, false)), 533);
    EXPECT_EQ(code(p.refuse_rein()), 502);
    client_protection strict({.auth_offered = true});
    strict.tls_started();
    EXPECT_EQ(code(strict.refuse_ccc(0, false)), 534);
}

TEST(ClientProtection, RefusesTransfersThatMustBeProtected) {
    auto p = under_tls();
    EXPECT_FALSE(p.refuse_transfer(false));
    EXPECT_NE(p.refuse_transfer(true)->text.find("PBSZ 0 and"), std::string::npos);
    EXPECT_FALSE(p.accept_pbsz(cmd("PBSZ 0")));
    EXPECT_EQ(p.refuse_transfer(true)->code, 521);
    EXPECT_EQ(p.refuse_transfer(true)->text.find("PBSZ"), std::string::npos);
    EXPECT_FALSE(with_level().refuse_transfer(true));
}

}  // namespace
}  // namespace sallyport::proto
