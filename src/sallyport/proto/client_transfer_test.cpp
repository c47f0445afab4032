#include <sallyport/proto/client_machine.hpp>

#include <gtest/gtest.h>

#include <initializer_list>

#include <sallyport/proto/client_test_script.hpp>

namespace sallyport::proto {
namespace {

// ---- Data connection and transfer

TEST(client_transfer, a_passive_download) {
    client_script p;
    p.log_in().machine.queue_transfer(retr("a b"));
    p.run({"> TYPE I", "< 200 ok", "> EPSV", "< 229 Extended (|||5001|)", "* connect 192.0.2.1:5001", "> RETR a b",
           "< 150 Opening (5000 bytes)", "* move", "* data", "< 226 done", "* done"});
    EXPECT_FALSE(p.machine.failure());
    EXPECT_EQ(p.machine.announced(), 5000U);
    // TYPE is not sent again.
    p.machine.queue_transfer(retr("c"));
    p.run({"> EPSV"});
}

TEST(client_transfer, C3_repeated_150_changes_nothing) {
    client_script p;
    p.log_in().machine.queue_transfer(retr("x"));
    p.run({"> TYPE I", "< 200 ok", "> EPSV", "< 229 (|||5001|)", "* connect 192.0.2.1:5001", "> RETR x", "< 150 ok",
           "* move", "* data"});
    const auto turn = [&p] {
        const auto action = p.machine.next();
        const auto* read = std::get_if<client_act::read>(&action);
        return read != nullptr ? read->turn : 0;
    };
    const auto at_first = turn();
    for (int i = 0; i < 3; ++i) {
        p.machine.receive("150 ok\r\n");
        EXPECT_EQ(turn(), at_first);
    }
    p.run({"* silence", "* done"});
    EXPECT_EQ(p.failure().cause.code, errc::timeout);
}

TEST(client_transfer, a_226_may_come_before_the_data_end) {
    client_script p;
    p.log_in().machine.queue_transfer(retr("x"));
    p.run({"> TYPE I", "< 200 ok", "> EPSV", "< 229 (|||5001|)", "* connect 192.0.2.1:5001", "> RETR x", "< 150 ok",
           "< 226 done", "* move", "* await", "* data", "* done"});
    EXPECT_FALSE(p.machine.failure());
}

TEST(client_transfer, a_226_without_150_is_accepted) {
    client_script p;
    p.log_in().machine.queue_transfer(retr("x"));
    p.run({"> TYPE I", "< 200 ok", "> EPSV", "< 229 (|||5001|)", "* connect 192.0.2.1:5001", "> RETR x", "< 226 done",
           "* move", "* await", "* data", "* done"});
    EXPECT_FALSE(p.machine.failure());
}

TEST(client_transfer, a_refused_request_keeps_the_session) {
    client_script p;
    p.log_in().machine.queue_transfer(retr("x"));
    p.run({"> TYPE I", "< 200 ok", "> EPSV", "< 229 (|||5001|)", "* connect 192.0.2.1:5001", "> RETR x", "< 550 none",
           "* done"});
    EXPECT_EQ(p.failure().at, client_step::request);
    EXPECT_EQ(p.failure().reply_code, 550);
    EXPECT_TRUE(p.machine.usable());
}

TEST(client_transfer, an_error_in_the_middle_drops_the_data) {
    client_script p;
    p.log_in().machine.queue_transfer(retr("x"));
    p.run({"> TYPE I", "< 200 ok", "> EPSV", "< 229 (|||5001|)", "* connect 192.0.2.1:5001", "> RETR x", "< 150 ok",
           "* move", "< 451 disk error", "* drop", "* data", "* done"});
    EXPECT_EQ(p.failure().at, client_step::transfer);
    EXPECT_EQ(p.failure().reply_code, 451);
    EXPECT_TRUE(p.machine.usable());
}

TEST(client_transfer, a_lost_control_connection_lets_the_data_come_to_an_end) {
    client_script p;
    p.log_in().machine.queue_transfer(retr("x"));
    p.run({"> TYPE I", "< 200 ok", "> EPSV", "< 229 (|||5001|)", "* connect 192.0.2.1:5001", "> RETR x", "< 150 ok",
           "* move", "* lost", "* await", "* data", "* done"});
    EXPECT_EQ(p.failure().at, client_step::transfer);
    EXPECT_FALSE(p.machine.usable());
}

TEST(client_transfer, REST_comes_right_before_the_request) {
    client_script p;
    p.log_in().machine.queue_transfer({.command = verb::retr, .path = "x", .offset = 100});
    p.run({"> TYPE I", "< 200 ok", "> EPSV", "< 229 (|||5001|)", "* connect 192.0.2.1:5001", "> REST 100", "< 350 ok",
           "> RETR x"});
    client_script refusing;
    refusing.log_in().machine.queue_transfer({.command = verb::retr, .path = "x", .offset = 100});
    refusing.run({"> TYPE I", "< 200 ok", "> EPSV", "< 229 (|||5001|)", "* connect 192.0.2.1:5001", "> REST 100", "< 502 no",
                  "* done"});
    EXPECT_EQ(refusing.failure().cause.code, errc::unsupported);
}

TEST(client_data, C1_a_refused_EPSV_causes_fallback_to_PASV_for_the_session) {
    client_script p;
    p.log_in().machine.queue_transfer(retr("x"));
    p.run({"> TYPE I", "< 200 ok", "> EPSV", "< 500 what", "> PASV", "< 227 ok (192,0,2,1,19,137)",
           "* connect 192.0.2.1:5001", "> RETR x", "< 150 ok", "* move", "* data", "< 226 ok", "* done"});
    EXPECT_EQ(p.machine.attempts().size(), 2U);
    EXPECT_TRUE(p.machine.attempts().front().failure.has_value());
    p.machine.queue_transfer(retr("y"));
    p.run({"> PASV"});
}

TEST(client_data, C1_a_failed_connect_causes_fallback) {
    for (const auto* how : {"* refused 192.0.2.1:5001", "* silent 192.0.2.1:5001"}) {
        client_script p;
        p.log_in().machine.queue_transfer(retr("x"));
        p.run({"> TYPE I",
               "< 200 ok",
               "> EPSV",
               "< 229 (|||5001|)",
               how,
               "> PASV",
               "< 227 ok (192,0,2,1,19,137)",
               how,
               "* listen 192.0.2.7:6000",
               "> EPRT |1|192.0.2.7|6000|",
               "< 522 no",
               "* listen 192.0.2.7:6001",
               "> PORT 192,0,2,7,23,113",
               "< 200 ok",
               "> RETR x",
               "< 150 ok",
               "* accept",
               "* move",
               "* data",
               "< 226 ok",
               "* done"});
        EXPECT_EQ(p.machine.attempts().size(), 4U);
        EXPECT_FALSE(p.machine.attempts().back().failure.has_value());
    }
}

TEST(client_data, C1_an_unanswered_EPSV_causes_fallback_to_PASV) {
    client_script p;
    p.log_in().machine.queue_transfer(retr("x"));
    p.run({"> TYPE I", "< 200 ok", "> EPSV", "* silence", "> PASV", "< 227 ok (192,0,2,1,19,137)",
           "* connect 192.0.2.1:5001", "> RETR x", "< 150 ok", "* move", "* data", "< 226 ok", "* done"});
    EXPECT_FALSE(p.machine.failure());
    p.machine.queue_transfer(retr("y"));
    p.run({"> PASV"});
}

TEST(client_data, distinguishes_a_refused_method_from_a_failed_connect) {
    client_script p;
    p.log_in().machine.queue_transfer(retr("x"));
    p.run({"> TYPE I", "< 200 ok", "> EPSV", "< 500 what", "> PASV", "< 227 ok (192,0,2,1,19,137)",
           "* silent 192.0.2.1:5001", "* listen 192.0.2.7:6000", "> EPRT |1|192.0.2.7|6000|", "< 500 what",
           "* listen 192.0.2.7:6001", "> PORT 192,0,2,7,23,113", "< 200 ok", "> RETR x", "< 425 can't connect", "* done"});
    std::vector<bool> agreed;
    for (const auto& a : p.machine.attempts()) agreed.push_back(a.accepted);
    EXPECT_EQ(agreed, (std::vector<bool>{false, true, false, true}));
}

TEST(client_data, a_425_to_the_request_causes_fallback) {
    client_script p;
    p.log_in().machine.queue_transfer(retr("x"));
    p.run({"> TYPE I", "< 200 ok", "> EPSV", "< 229 (|||5001|)", "* connect 192.0.2.1:5001", "> RETR x", "< 425 can't",
           "> PASV"});
}

TEST(client_data, if_all_methods_fail_the_next_transfer_tries_them_again) {
    auto s = client_script::plain();
    s.methods = {data_method::epsv, data_method::pasv};
    client_script p(s);
    p.log_in().machine.queue_transfer(retr("x"));
    p.run({"> TYPE I", "< 200 ok", "> EPSV", "< 500 no", "> PASV", "< 227 (192,0,2,1,19,137)", "* silent 192.0.2.1:5001",
           "* done"});
    EXPECT_EQ(p.failure().at, client_step::data);
    EXPECT_EQ(p.failure().cause.code, errc::timeout);
    EXPECT_TRUE(p.machine.usable());
    p.machine.queue_transfer(retr("x"));
    p.run({"> EPSV"});
}

TEST(client_data, a_missing_active_connection_ends_the_session) {
    auto s = client_script::plain();
    s.methods = {data_method::port};
    client_script p(s);
    p.log_in().machine.queue_transfer(retr("x"));
    p.run({"> TYPE I", "< 200 ok", "* listen 192.0.2.7:6000", "> PORT 192,0,2,7,23,112", "< 200 ok", "> RETR x", "< 150 ok",
           "* unconnected", "* silence", "* done"});
    EXPECT_EQ(p.failure().at, client_step::data);
    EXPECT_EQ(p.failure().cause.code, errc::timeout);
    EXPECT_FALSE(p.machine.usable());

    // The server tries to connect before it replies.
    client_script mute(s);
    mute.log_in().machine.queue_transfer(retr("x"));
    mute.run({"> TYPE I", "< 200 ok", "* listen 192.0.2.7:6000", "> PORT 192,0,2,7,23,112", "< 200 ok", "> RETR x",
              "* silence", "* done"});
    EXPECT_EQ(mute.failure().at, client_step::data);
}

TEST(client_data, a_missing_active_connection_is_reported_with_the_servers_reply) {
    const std::initializer_list<std::string_view> until_accept_fails = {
        "> TYPE I", "< 200 ok",     "* listen 192.0.2.7:6000", "> PORT 192,0,2,7,23,112", "< 200 ok", "> RETR x",
        "< 150 ok", "* unconnected"};
    auto s = client_script::plain();
    s.methods = {data_method::port, data_method::pasv};
    client_script p(s);
    p.log_in().machine.queue_transfer(retr("x"));
    p.run(until_accept_fails).run({"< 425 Can't open data connection: no route", "> PASV"});
    EXPECT_EQ(p.machine.attempts().front().failure->what, "425 Can't open data connection: no route");
    EXPECT_TRUE(p.machine.usable());

    client_script refused(s);
    refused.log_in().machine.queue_transfer(retr("x"));
    refused.run(until_accept_fails).run({"< 150 trying", "< 550-No", "< 550 such file", "* done"});
    EXPECT_EQ(refused.failure().cause.what, "550 No such file");
    EXPECT_TRUE(refused.machine.usable());

    // The server reports a transfer that did not arrive.
    client_script out_of_step(s);
    out_of_step.log_in().machine.queue_transfer(retr("x"));
    out_of_step.run(until_accept_fails).run({"< 226 done", "* done"});
    EXPECT_EQ(out_of_step.failure().at, client_step::data);
    EXPECT_FALSE(out_of_step.machine.usable());

    client_script full(s);
    full.log_in().machine.queue_transfer(retr("x"));
    full.run(until_accept_fails).run({"< 421 Timeout.", "* done"});
    EXPECT_EQ(full.failure().reply_code, 421);
}

TEST(client_data, a_reply_without_a_usable_port_refuses_the_method_for_good) {
    for (const auto* reply : {"< 200 ok", "< 350 go on", "< 229 (|||0|)", "< 229 garbage", "< 227 (192,0,2,1,19,137)"}) {
        SCOPED_TRACE(reply);
        client_script p;
        p.log_in().machine.queue_transfer(retr("x"));
        p.run({"> TYPE I", "< 200 ok", "> EPSV", reply, "> PASV", "< 227 ok (192,0,2,1,19,137)", "* connect 192.0.2.1:5001",
               "> RETR x", "< 150 ok", "* move", "* data", "< 226 ok", "* done"});
        EXPECT_TRUE(p.machine.attempts().front().failure.has_value());
        p.machine.queue_transfer(retr("y"));
        p.run({"> PASV"});
    }
    // A 4xx is temporary.
    client_script p;
    p.log_in().machine.queue_transfer(retr("x"));
    p.run({"> TYPE I", "< 200 ok", "> EPSV", "< 425 none free", "> PASV", "< 227 ok (192,0,2,1,19,137)",
           "* connect 192.0.2.1:5001", "> RETR x", "< 550 no", "* done"});
    p.machine.queue_transfer(retr("y"));
    p.run({"> EPSV"});
}

TEST(client_data, the_port_may_be_in_any_line_of_the_reply) {
    client_script p;
    p.log_in().machine.queue_transfer(retr("x"));
    p.run({"> TYPE I", "< 200 ok", "> EPSV", "< 229-Hello", "< 229-Extended (|||5001|)", "< 229 ready",
           "* connect 192.0.2.1:5001"});
    auto s = client_script::plain();
    s.methods = {data_method::pasv};
    client_script pasv(s);
    pasv.log_in().machine.queue_transfer(retr("x"));
    pasv.run({"> TYPE I", "< 200 ok", "> PASV", "< 227-Entering", "<  Passive Mode", "< 227 (192,0,2,1,19,137)",
              "* connect 192.0.2.1:5001"});
}

TEST(client_data, GW02_a_port_in_any_other_reply_ends_the_session) {
    for (const auto* last : {"< 227 Logout.", "< 227 Entering Passive Mode (10,1,2,3,0,22)", "< 228 Long (1)",
                             "< 229 Entering Extended Passive Mode (|||22|)"}) {
        SCOPED_TRACE(last);
        client_script p;
        p.log_in().machine.queue_transfer(retr("x"));
        p.run({"> TYPE I", "< 200 ok", "> EPSV", "< 229 (|||5001|)", "* connect 192.0.2.1:5001", "> RETR x", "< 150 ok",
               "* move", last, "* await", "* data", "* done"});
        EXPECT_FALSE(p.machine.usable());
        EXPECT_EQ(p.failure().cause.code, errc::stray_reply);
    }
}

TEST(client_data, blank_lines_between_replies_mean_nothing) {
    client_script p;
    p.machine.receive("220 hi\r\n\r\n");
    p.run({"> USER anonymous", "< ", "< 331 pw?", "<  ", "> PASS pw", "< 230 in", "> FEAT", "< 502 what?", "* done"});
    EXPECT_FALSE(p.machine.failure());
}

TEST(client_data, active_mode_sends_the_configured_address) {
    auto s = client_script::plain();
    s.methods = {data_method::port};
    s.active_address = ip_address::v4({203, 0, 113, 9});
    client_script p(s);
    p.log_in().machine.queue_transfer(retr("x"));
    p.run({"> TYPE I", "< 200 ok", "* listen 192.0.2.7:6000", "> PORT 203,0,113,9,23,112"});
}

// CVE-2007-1562 CVE-2020-8284 CVE-2021-4189 CVE-2021-31810 CVE-2021-37533 CVE-2026-109681.
TEST(client_data, C4_connects_to_the_control_peer_despite_a_wrong_227) {
    auto s = client_script::plain();
    s.methods = {data_method::pasv};
    for (const auto* address : {"1,2,3,4", "127,0,0,1", "10,0,0,5", "0,0,0,0", "169,254,169,254"}) {
        client_script p(s);
        p.log_in().machine.queue_transfer(retr("x"));
        p.run({"> TYPE I", "< 200 ok", "> PASV"});
        p.machine.receive("227 Entering Passive Mode (" + std::string(address) + ",19,137)\r\n");
        p.run({"* connect 192.0.2.1:5001"});
    }
}

TEST(client_data, passive_address_repair_uses_a_plausible_227) {
    struct row {
        const char* peer;
        const char* named;
        const char* target;
    };
    for (const auto& [peer, named, target] :
         {row{"5.9.1.1", "6,7,8,9", "6.7.8.9"}, row{"5.9.1.1", "10,0,0,5", "5.9.1.1"}, row{"5.9.1.1", "0,0,0,0", "5.9.1.1"},
          row{"10.0.0.1", "10,0,0,5", "10.0.0.5"}, row{"10.0.0.1", "127,0,0,1", "10.0.0.1"},
          row{"10.0.0.1", "0,0,0,0", "10.0.0.1"}}) {
        auto s = client_script::plain();
        s.methods = {data_method::pasv};
        s.address_rule = passive_address::repair;
        s.peer.address = *ip_address::parse(peer);
        client_script p(s);
        p.log_in().machine.queue_transfer(retr("x"));
        p.run({"> TYPE I", "< 200 ok", "> PASV"});
        p.machine.receive("227 Entering Passive Mode (" + std::string(named) + ",19,137)\r\n");
        p.run({"* connect " + std::string(target) + ":5001"});
    }
}

TEST(client_data, passive_address_follow_uses_the_227) {
    auto s = client_script::plain();
    s.methods = {data_method::pasv};
    s.address_rule = passive_address::follow;
    client_script p(s);
    p.log_in().machine.queue_transfer(retr("x"));
    p.run({"> TYPE I", "< 200 ok", "> PASV", "< 227 (198,51,100,3,19,137)", "* connect 198.51.100.3:5001"});
}

TEST(client_data, CL_01_low_ports_and_nonsense_are_never_connected_to) {
    auto s = client_script::plain();
    s.methods = {data_method::pasv};
    for (const auto* reply :
         {"227 (192,0,2,1,0,22)", "227 (192,0,2,1,3,255)", "227 (192,0,2,1,0,0)", "227 (192,0,2,1,256,1)",
          "227 (192,0,2,1,19)", "227 none at all", "200 (192,0,2,1,19,137)", "229 (|||5001|)"}) {
        client_script p(s);
        p.log_in().machine.queue_transfer(retr("x"));
        p.run({"> TYPE I", "< 200 ok", "> PASV"});
        p.machine.receive(std::string(reply) + "\r\n");
        p.run({"* done"});
        EXPECT_EQ(p.failure().at, client_step::data) << reply;
    }
    s.methods = {data_method::epsv};
    for (const auto* reply :
         {"229 (|||22|)", "229 (|||0|)", "229 (|||65536|)", "229 (||5001|)", "229", "227 (192,0,2,1,19,137)"}) {
        client_script p(s);
        p.log_in().machine.queue_transfer(retr("x"));
        p.run({"> TYPE I", "< 200 ok", "> EPSV"});
        p.machine.receive(std::string(reply) + "\r\n");
        p.run({"* done"});
        EXPECT_EQ(p.failure().at, client_step::data) << reply;
    }
}

TEST(client_data, IPv6_uses_only_the_extended_forms) {
    auto s = client_script::plain();
    s.peer.address = *ip_address::parse("2001:db8::1");
    client_script p(s);
    p.log_in().machine.queue_transfer(retr("x"));
    p.run({"> TYPE I", "< 200 ok", "> EPSV", "< 229 (|||5001|)", "* refused [2001:db8::1]:5001",
           "* listen [2001:db8::7]:6000", "> EPRT |2|2001:db8::7|6000|"});
    s.methods = {data_method::pasv};
    client_script none(s);
    none.log_in().machine.queue_transfer(retr("x"));
    none.run({"> TYPE I", "< 200 ok", "* done"});
    EXPECT_EQ(none.failure().cause.code, errc::unsupported);
}

TEST(client_data, silence_at_each_step_of_a_transfer_ends_it) {
    const std::initializer_list<std::string_view> steps = {
        "> TYPE I", "< 200 ok", "> EPSV",  "< 229 (|||5001|)", "* connect 192.0.2.1:5001",
        "> REST 9", "< 350 ok", "> RETR x"};
    for (const std::size_t cut : {1U, 3U, 6U, 8U}) {
        auto s = client_script::plain();
        s.methods = {data_method::epsv};
        client_script p(s);
        p.log_in().machine.queue_transfer({.command = verb::retr, .path = "x", .offset = 9});
        for (std::size_t i = 0; i < cut; ++i) p.run({steps.begin()[i]});
        p.run({"* silence", "* done"});
        EXPECT_EQ(p.failure().cause.code, errc::timeout);
        EXPECT_FALSE(p.machine.usable());
    }
}

// ---- SIZE and QUIT

TEST(client_size, is_asked_in_image_type) {
    client_script p;
    p.log_in().machine.queue_size("x");
    p.run({"> TYPE I", "< 200 ok", "> SIZE x", "< 213 420", "* done"});
    EXPECT_EQ(p.machine.size(), 420U);
    p.machine.queue_size("y");
    p.run({"> SIZE y", "< 550 none", "* done"});
    EXPECT_EQ(p.machine.size(), std::nullopt);
    EXPECT_FALSE(p.machine.failure());
    p.machine.queue_size("y");
    p.run({"> SIZE y", "< 502 never", "* done"});
    // Not sent again.
    p.machine.queue_size("y");
    p.run({"* done"});
}

TEST(client_size, is_found_in_the_whole_reply) {
    for (const auto* reply : {"213 420 ", "213  420", "213-size follows\r\n 420\r\n213 End"}) {
        client_script p;
        p.log_in().machine.queue_size("x");
        p.run({"> TYPE I", "< 200 ok", "> SIZE x"});
        p.machine.receive(std::string(reply) + "\r\n");
        p.run({"* done"});
        EXPECT_EQ(p.machine.size(), 420U) << reply;
        EXPECT_EQ(p.machine.unreadable_size(), "");
    }
}

TEST(client_size, an_unreadable_size_is_kept_for_the_error_message) {
    for (const auto* reply : {"213 -1", "213 4x", "213 99999999999999999999", "213", "200 420"}) {
        client_script p;
        p.log_in().machine.queue_size("x");
        p.run({"> TYPE I", "< 200 ok", "> SIZE x"});
        p.machine.receive(std::string(reply) + "\r\n");
        p.run({"* done"});
        EXPECT_EQ(p.machine.size(), std::nullopt) << reply;
        EXPECT_EQ(p.machine.unreadable_size(), reply);
        p.machine.queue_size("y");
        p.run({"> SIZE y", "< 550 none", "* done"});
        // A refusal needs no number.
        EXPECT_EQ(p.machine.unreadable_size(), "");
    }
}

TEST(client_quit, never_fails) {
    for (const auto* how : {"< 221 bye", "< 500 no", "< 421 gone", "* silence", "* lost"}) {
        client_script p;
        p.log_in().machine.queue_quit();
        p.run({"> QUIT", how, "* done"});
        EXPECT_FALSE(p.machine.failure()) << how;
        EXPECT_FALSE(p.machine.usable());
    }
}

TEST(client_machine, an_operation_after_the_end_fails_at_once) {
    client_script p;
    p.log_in().run({"* lost"}).machine.queue_transfer(retr("x"));
    p.run({"* done"});
    EXPECT_EQ(p.failure().cause.code, errc::closed);
}

TEST(client_machine, CL_02_a_name_with_a_line_break_is_never_sent) {
    client_script p;
    p.log_in().machine.queue_size("x\r\nDELE y");
    p.run({"> TYPE I", "< 200 ok", "* done"});
    EXPECT_EQ(p.failure().cause.code, errc::name_invalid);
    EXPECT_TRUE(p.machine.usable());
}

}  // namespace
}  // namespace sallyport::proto
