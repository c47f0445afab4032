#include <sallyport/proto/client_login.hpp>

#include <gtest/gtest.h>

#include <initializer_list>

#include <sallyport/proto/client_test_script.hpp>

namespace sallyport::proto {
namespace {

// ---- Login

TEST(client_login, usual_login) {
    client_script p;
    p.log_in();
    EXPECT_FALSE(p.machine.failure());
    EXPECT_TRUE(p.machine.usable());
}

TEST(client_login, a_230_to_USER_needs_no_PASS) {
    client_script p;
    p.run({"< 220 hi", "> USER anonymous", "< 230 in already", "> FEAT", "< 500 no", "* done"});
    EXPECT_FALSE(p.machine.failure());
}

TEST(client_login, waits_for_220_after_120) {
    client_script p;
    p.machine.receive("120 ready in 1 minute\r\n");
    const auto action = p.machine.next();
    const auto* read = std::get_if<client_act::read>(&action);
    ASSERT_NE(read, nullptr);
    EXPECT_EQ(read->limit, client_settings{}.delayed_greeting);
    p.run({"< 220 now", "> USER anonymous"});
}

TEST(client_login, C3_repeated_120_does_not_extend_the_timeout) {
    client_script p;
    const auto turn = [&p] {
        const auto action = p.machine.next();
        const auto* read = std::get_if<client_act::read>(&action);
        return read != nullptr ? read->turn : 0;
    };
    const auto at_first = turn();
    p.machine.receive("120 ready in 1 minute\r\n");
    const auto delayed = turn();
    // The time limit restarts, but only once.
    EXPECT_NE(delayed, at_first);
    for (int i = 0; i < 3; ++i) {
        p.machine.receive("120 ready in 1 minute\r\n");
        EXPECT_EQ(turn(), delayed);
    }
    p.run({"* silence", "* done"});
    EXPECT_EQ(p.failure().cause.code, errc::timeout);
    EXPECT_EQ(p.failure().at, client_step::greeting);
}

TEST(client_login, the_reason_may_be_in_any_line_of_a_refusal) {
    client_script p;
    p.run({"< 220 hi", "> USER anonymous", "< 331 pw", "> PASS pw", "< 530-Sorry.", "<  Must use TLS first ", "< 530 ",
           "* done"});
    EXPECT_EQ(p.failure().refusal, "530 Sorry. Must use TLS first");
    EXPECT_EQ(p.failure().cause.what, "530 Sorry. Must use TLS first");
    client_script full;
    full.run({"< 421-no", "< 421 too many", "* done"});
    EXPECT_EQ(full.failure().refusal, "421 no too many");
}

// S7
TEST(client_login, a_refusal_that_quotes_the_password_or_the_account_is_shown_without_it) {
    auto s = client_script::plain();
    s.password = "geheim";
    s.account = "konto7";
    client_script p(s);
    p.run({"< 220 hi", "> USER anonymous", "< 331 pw", "> PASS geheim", "< 530-No.", "< 530 Password geheim is wrong",
           "* done"});
    EXPECT_EQ(p.failure().cause.what, "530 No. Password *** is wrong");
    EXPECT_EQ(p.failure().refusal, "530 No. Password *** is wrong");
    client_script q(s);
    q.run({"< 220 hi", "> USER anonymous", "< 331 pw", "> PASS geheim", "< 332 account", "> ACCT konto7",
           "< 501 konto7 or geheim unknown", "* done"});
    EXPECT_EQ(q.failure().refusal, "501 *** or *** unknown");
}

TEST(client_login, ACCT_is_sent_after_332) {
    auto s = client_script::plain();
    s.account = "dept7";
    client_script p(s);
    p.run({"< 220 hi", "> USER anonymous", "< 331 pw", "> PASS pw", "< 332 account", "> ACCT dept7", "< 230 in", "> FEAT"});
    client_script without;
    without.run({"< 220 hi", "> USER anonymous", "< 332 account", "* done"});
    EXPECT_EQ(without.failure().cause.code, errc::login_refused);
}

TEST(client_login, distinguishes_a_wrong_password_from_a_full_server) {
    client_script wrong;
    wrong.run({"< 220 hi", "> USER anonymous", "< 331 pw", "> PASS pw", "< 530 no", "* done"});
    EXPECT_EQ(wrong.failure().cause.code, errc::login_refused);
    EXPECT_EQ(wrong.failure().reply_code, 530);
    EXPECT_EQ(wrong.failure().at, client_step::login);
    client_script full;
    full.run({"< 220 hi", "> USER anonymous", "< 421 too many", "* done"});
    EXPECT_EQ(full.failure().cause.code, errc::closed);
    EXPECT_EQ(full.failure().reply_code, 421);
    client_script shut;
    shut.run({"< 421 closed for today", "* done"});
    EXPECT_EQ(shut.failure().at, client_step::greeting);
    EXPECT_EQ(shut.failure().reply_code, 421);
}

TEST(client_login, a_multi_line_230_ends_only_at_its_own_code) {
    client_script p;
    p.run({"< 220 hi", "> USER anonymous", "< 331 pw", "> PASS pw", "< 230-welcome", "< 231 nor this", "< 230 in", "> FEAT",
           "< 211 none", "* done"});
    EXPECT_FALSE(p.machine.failure());
}

TEST(client_login, asks_for_UTF8_where_the_server_has_it) {
    client_script p;
    p.run({"< 220 hi", "> USER anonymous", "< 230 in", "> FEAT", "< 211-Features", "<  UTF8", "<  MLST type*;", "< 211 End",
           "> OPTS UTF8 ON", "< 501 don't know that", "* done"});
    EXPECT_FALSE(p.machine.failure());
    EXPECT_TRUE(p.machine.features().mlst);
}

TEST(client_login, an_odd_greeting_is_a_violation) {
    for (const auto* line : {"< 230 you are in", "< 331 password?", "< 150 here it comes"}) {
        client_script p;
        p.run({line, "* done"});
        EXPECT_EQ(p.failure().cause.code, errc::stray_reply) << line;
        EXPECT_FALSE(p.machine.usable());
    }
}

TEST(client_login, silence_and_loss_end_each_step) {
    const std::initializer_list<std::string_view> steps = {"< 220 hi",  "> USER anonymous", "< 331 pw",
                                                           "> PASS pw", "< 230 in",         "> FEAT"};
    for (std::size_t cut = 0; cut <= steps.size(); cut += 2) {
        for (const auto* how : {"* silence", "* lost"}) {
            client_script p;
            for (std::size_t i = 0; i < cut; ++i) p.run({steps.begin()[i]});
            p.run({how, "* done"});
            EXPECT_EQ(p.failure().cause.code, how == std::string_view("* lost") ? errc::reset : errc::timeout) << cut;
            EXPECT_FALSE(p.machine.usable());
        }
    }
}

// ---- TLS

TEST(client_tls, comes_before_the_user_name) {
    client_script p(client_script::tls());
    p.run({"< 220 hi", "> AUTH TLS", "< 234 go on", "* tls", "> USER anonymous", "< 331 pw", "> PASS pw", "< 230 in",
           "> PBSZ 0", "< 200 ok", "> PROT P", "< 200 ok", "> FEAT", "< 500 no", "* done"});
    EXPECT_FALSE(p.machine.failure());
}

TEST(client_tls, tries_the_old_name_too) {
    client_script p(client_script::tls());
    p.run({"< 220 hi", "> AUTH TLS", "< 504 which?", "> AUTH SSL", "< 234 go on", "* tls", "> USER anonymous"});
}

TEST(client_tls, implicit_needs_no_AUTH) {
    auto s = client_script::tls();
    s.tls_active = true;
    client_script p(s);
    p.run({"< 220 hi", "> USER anonymous", "< 230 in", "> PBSZ 0"});
}

// CVE-2021-22947.
TEST(client_tls, TLS_02_replies_injected_after_234_end_the_session) {
    for (const auto* extra : {"230 in\r\n", "230 in\r\n257 \"/x\"\r\n", "x", "\r\n"}) {
        client_script p(client_script::tls());
        p.run({"< 220 hi", "> AUTH TLS"});
        p.machine.receive("234 ok\r\n" + std::string(extra));
        p.run({"* done"});
        EXPECT_EQ(p.failure().cause.code, errc::unexpected);
        EXPECT_EQ(p.failure().at, client_step::tls);
    }
}

TEST(client_tls, TLS_03_USER_is_never_sent_unencrypted_after_AUTH) {
    for (const auto* reply :
         {"110 x", "120 x", "150 x", "200 x", "202 x", "220 x", "226 x", "230 x", "232 x", "331 x",   "334 x", "350 x",
          "400 x", "421 x", "431 x", "500 x", "502 x", "504 x", "530 x", "534 x", "631 x", "garbage", "999 x"}) {
        client_script p(client_script::tls());
        p.run({"< 220 hi", "> AUTH TLS"});
        p.machine.receive(std::string(reply) + "\r\n");
        std::string sent;
        // The same reply to each further command.
        for (int i = 0; i < 4; ++i) {
            const auto action = p.machine.next();
            sent += p.machine.output();
            p.machine.output_sent();
            if (std::holds_alternative<client_act::done>(action)) break;
            EXPECT_FALSE(std::holds_alternative<client_act::start_tls>(action)) << reply;
            p.machine.receive(std::string(reply) + "\r\n");
        }
        EXPECT_EQ(sent.find("USER"), sent.npos) << reply;
        EXPECT_TRUE(p.machine.failure().has_value()) << reply;
    }
}

// CVE-2021-22946.
TEST(client_tls, TLS_03_a_greeting_with_230_does_not_skip_TLS) {
    client_script p(client_script::tls());
    p.machine.receive("220 hi\r\n230 in\r\n");
    p.run({"* done"});
    EXPECT_EQ(p.failure().cause.code, errc::stray_reply);
}

TEST(client_tls, a_refused_PROT_P_is_an_error) {
    client_script p(client_script::tls());
    p.run({"< 220 hi", "> AUTH TLS", "< 234 ok", "* tls", "> USER anonymous", "< 230 in", "> PBSZ 0", "< 200 ok", "> PROT P",
           "< 536 no", "* done"});
    EXPECT_EQ(p.failure().at, client_step::tls);
    EXPECT_EQ(p.failure().cause.code, errc::rejected);
}

TEST(client_tls, data_is_unencrypted_only_if_configured) {
    auto s = client_script::tls();
    s.protect_data = false;
    client_script p(s);
    p.run({"< 220 hi", "> AUTH TLS", "< 234 ok", "* tls", "> USER anonymous", "< 230 in", "> PBSZ 0", "< 200 ok", "> PROT C",
           "< 200 ok", "> FEAT", "< 500 no", "* done"});
    p.machine.queue_transfer(retr("x"));
    p.run({"> TYPE I", "< 200 ok", "> EPSV", "< 229 (|||5001|)", "* connect 192.0.2.1:5001", "> RETR x", "< 150 ok",
           "* move"});
}

}  // namespace
}  // namespace sallyport::proto
