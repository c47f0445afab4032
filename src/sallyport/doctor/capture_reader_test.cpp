#include <sallyport/doctor/capture_reader.hpp>

#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sallyport/diagnosis/rules.hpp>

namespace sallyport::doctor {
namespace {

using diagnosis::method_result;
using testing::Contains;
using testing::HasSubstr;
using testing::SizeIs;

endpoint at(std::string_view text) { return *endpoint::parse(text); }

/// Makes packets between a client and a server, seen near the client.
class captured {
public:
    explicit captured(std::string_view client = "192.168.1.2:40000", std::string_view server = "198.51.100.7:21",
                      const capture_limits& limits = {})
        : client_(at(client)), server_(at(server)), reader_(limits) {}

    /// What follows is another connection, which may have the same two ends.
    captured& another(std::string_view client, std::string_view server) {
        client_ = at(client);
        server_ = at(server);
        next_client_ = 100;
        next_server_ = 1000;
        return *this;
    }

    captured& wait(std::int64_t ms) {
        us_ += ms * 1000;
        return *this;
    }
    captured& packet_of(packet p) {
        wait(5);
        reader_.add(p, us_);
        return *this;
    }
    captured& open() {
        packet_of({.from = client_, .to = server_, .ttl = 64, .sequence = 99, .syn = true});
        packet_of({.from = server_, .to = client_, .ttl = 60, .sequence = 999, .syn = true, .ack = true});
        return packet_of({.from = client_, .to = server_, .ttl = 64, .sequence = 100, .ack = true});
    }
    captured& says(std::string_view text) { return line(true, text); }
    captured& replies(std::string_view text) { return line(false, text); }
    captured& login() {
        open();
        replies("220 ready").says("USER anna").replies("331 password").says("PASS geheim");
        return replies("230 in");
    }
    captured& syn(std::string_view from, std::string_view to) {
        return packet_of({.from = at(from), .to = at(to), .ttl = 64, .sequence = 5, .syn = true});
    }
    captured& syn_ack(std::string_view from, std::string_view to) {
        return packet_of({.from = at(from), .to = at(to), .ttl = 60, .sequence = 50, .syn = true, .ack = true});
    }
    captured& ack(std::string_view from, std::string_view to) {
        return packet_of({.from = at(from), .to = at(to), .ttl = 64, .sequence = 6, .ack = true});
    }
    captured& rst(std::string_view from, std::string_view to, unsigned ttl) {
        return packet_of({.from = at(from), .to = at(to), .ttl = ttl, .ack = true, .rst = true});
    }
    captured& data(std::string_view from, std::string_view to, std::uint32_t sequence, std::size_t size, bool fin = false) {
        return packet_of(
            {.from = at(from), .to = at(to), .ttl = 60, .sequence = sequence, .ack = true, .fin = fin, .size = size});
    }
    std::vector<diagnosis::facts> sessions() { return reader_.sessions(); }
    capture_reader& reader() { return reader_; }

private:
    captured& line(bool of_client, std::string_view text) {
        auto& next = of_client ? next_client_ : next_server_;
        const auto bytes = std::string(text) + "\r\n";
        packet_of({.from = of_client ? client_ : server_,
                   .to = of_client ? server_ : client_,
                   .ttl = of_client ? 64U : 60U,
                   .sequence = next,
                   .ack = true,
                   .payload = bytes,
                   .size = bytes.size()});
        next += static_cast<std::uint32_t>(bytes.size());
        return *this;
    }

    endpoint client_;
    endpoint server_;
    std::uint32_t next_client_ = 100;
    std::uint32_t next_server_ = 1000;
    std::int64_t us_ = 1'700'000'000'000'000;
    capture_reader reader_;
};

constexpr auto client = "192.168.1.2:40001";
constexpr auto server = "198.51.100.7:30000";
constexpr auto passive_reply = "227 Entering Passive Mode (198,51,100,7,117,48)";

diagnosis::facts only(captured& c) {
    auto found = c.sessions();
    EXPECT_THAT(found, SizeIs(1));
    return found.empty() ? diagnosis::facts{} : std::move(found.front());
}

std::vector<std::string> ids(const diagnosis::facts& known) {
    std::vector<std::string> out;
    for (const auto& each : diagnosis::judge(known)) out.push_back(each.id);
    return out;
}

// D3: 227 against the SYN that follows.
TEST(capture_reader_test, a_session_that_works) {
    captured c;
    c.login().says("PASV").replies(passive_reply).syn(client, server).syn_ack(server, client).ack(client, server);
    c.says("LIST").replies("150 here").data(server, client, 51, 1400).data(server, client, 1451, 100, true);
    c.ack(client, server).replies("226 done").says("QUIT").replies("221 bye");
    const auto known = only(c);
    ASSERT_THAT(known.methods, SizeIs(1));
    EXPECT_EQ(known.methods[0].result, method_result::ok);
    EXPECT_EQ(known.methods[0].bytes, 1500U);
    EXPECT_EQ(known.methods[0].target->text(), server);
    EXPECT_EQ(known.times.started, 1'700'000'000);
    EXPECT_THAT(ids(known), SizeIs(0));
    EXPECT_EQ(diagnosis::overall_of(known, diagnosis::judge(known)), diagnosis::overall::healthy);
}

TEST(capture_reader_test, a_port_without_an_answer) {
    captured c;
    c.login()
        .says("PASV")
        .replies(passive_reply)
        .syn(client, server)
        .wait(1000)
        .syn(client, server)
        .wait(2000)
        .syn(client, server);
    const auto known = only(c);
    ASSERT_THAT(known.methods, SizeIs(1));
    EXPECT_EQ(known.methods[0].result, method_result::silent);
    EXPECT_EQ(known.methods[0].packets->syns, 3U);
    EXPECT_THAT(ids(known), Contains("data-ports-dropped"));
}

TEST(capture_reader_test, an_answer_that_the_client_does_not_confirm_is_lost) {
    captured c;
    c.login().says("EPSV").replies("229 Extended (|||30000|)").syn(client, server).syn_ack(server, client);
    c.wait(1000).syn(client, server).syn_ack(server, client).wait(3000).syn_ack(server, client);
    const auto found = diagnosis::judge(only(c));
    ASSERT_FALSE(found.empty());
    EXPECT_EQ(found.front().id, "answers-lost");
}

TEST(capture_reader_test, the_ttl_tells_who_has_refused) {
    for (const unsigned ttl : {60U, 63U}) {
        captured c;
        c.login().says("PASV").replies(passive_reply).syn(client, server).rst(server, client, ttl);
        const auto known = only(c);
        ASSERT_THAT(known.methods, SizeIs(1));
        EXPECT_EQ(known.methods[0].result, method_result::refused);
        const auto found = diagnosis::judge(known);
        ASSERT_FALSE(found.empty());
        EXPECT_EQ(found.front().id, "data-ports-refused");
        EXPECT_EQ(found.front().side == diagnosis::side::server, ttl == 60);
        EXPECT_THAT(found.front().evidence, Contains(HasSubstr(ttl == 60 ? "as the server's own packets do"
                                                                         : "probably another device has sent it")));
    }
}

TEST(capture_reader_test, an_icmp_error_names_its_sender) {
    captured c;
    c.login().says("PASV").replies(passive_reply).syn(client, server);
    c.packet_of({.from = at(client),
                 .to = at(server),
                 .ttl = 62,
                 .sequence = 5,
                 .icmp = icmp_error{at("203.0.113.1:1").address, 3, 13}});
    const auto known = only(c);
    ASSERT_THAT(known.methods, SizeIs(1));
    EXPECT_EQ(known.methods[0].result, method_result::unreachable);
    const auto found = diagnosis::judge(known);
    ASSERT_FALSE(found.empty());
    EXPECT_THAT(found.front().evidence, Contains(HasSubstr("203.0.113.1 rejects the connection by ICMP: administratively")));
}

TEST(capture_reader_test, another_initial_ttl_is_no_other_device) {
    captured c;
    c.login().says("PASV").replies(passive_reply).syn(client, server).rst(server, client, 251);
    const auto found = diagnosis::judge(only(c));
    ASSERT_FALSE(found.empty());
    EXPECT_EQ(found.front().side, diagnosis::side::undecided);
    EXPECT_EQ(found.front().confidence, diagnosis::confidence::possible);
    EXPECT_THAT(found.front().evidence, Contains(HasSubstr("both may have come the same way")));
}

// Symptom 31
TEST(capture_reader_test, full_segments_that_are_repeated) {
    captured c;
    c.login().says("PASV").replies(passive_reply).syn(client, server).syn_ack(server, client).ack(client, server);
    c.says("RETR big").replies("150 here");
    for (int i = 0; i < 6; ++i) c.data(server, client, 51, 1448).wait(400 << i);
    const auto known = only(c);
    EXPECT_THAT(ids(known), Contains("full-packets-lost"));
}

// Symptom 29
TEST(capture_reader_test, a_control_connection_that_a_device_has_forgotten) {
    captured c;
    c.login().says("PWD").replies("257 /").wait(905'000).says("NOOP");
    const std::string noop = "NOOP\r\n";
    for (int i = 0; i < 5; ++i)
        c.wait(1000 << i).packet_of({.from = at("192.168.1.2:40000"),
                                     .to = at("198.51.100.7:21"),
                                     .ttl = 64,
                                     .sequence = 100 + 11 + 13 + 5,
                                     .ack = true,
                                     .payload = noop,
                                     .size = noop.size()});
    const auto known = only(c);
    ASSERT_THAT(known.idle, SizeIs(1));
    EXPECT_EQ(known.idle[0].seconds, 905);
    EXPECT_EQ(known.idle[0].result, "no answer");
    EXPECT_THAT(ids(known), Contains("idle-timeout"));
}

// Symptom 40
TEST(capture_reader_test, what_is_missing_at_the_end_of_a_transfer) {
    for (const bool fin : {false, true}) {
        captured c;
        c.login().says("PASV").replies(passive_reply).syn(client, server).syn_ack(server, client).ack(client, server);
        c.says("RETR file")
            .replies("150 here")
            .data(server, client, 51, 300, fin)
            .ack(client, server)
            .wait(20'000)
            .says("NOOP");
        const auto found = diagnosis::judge(only(c));
        ASSERT_FALSE(found.empty()) << fin;
        EXPECT_EQ(found.front().id, "transfer-unfinished");
        EXPECT_THAT(found.front().evidence, Contains(HasSubstr(fin ? "data connection after" : "data connection: missing")));
    }
}

TEST(capture_reader_test, under_tls_data_connections_are_judged_by_their_ports) {
    captured c;
    c.open().replies("220 ready").says("AUTH TLS").replies("234 go");
    c.packet_of({.from = at("192.168.1.2:40000"),
                 .to = at("198.51.100.7:21"),
                 .ttl = 64,
                 .sequence = 110,
                 .ack = true,
                 .payload = "\x16\x03\x01 hello",
                 .size = 9});
    c.syn(client, server).wait(1000).syn(client, server);
    const auto known = only(c);
    EXPECT_EQ(known.tls_mode, "explicit");
    ASSERT_THAT(known.methods, SizeIs(1));
    EXPECT_TRUE(known.methods[0].tls);
    EXPECT_EQ(known.methods[0].result, method_result::silent);
    EXPECT_THAT(known.not_measured, Contains(HasSubstr("judged by their ports")));
}

TEST(capture_reader_test, active_mode) {
    captured c;
    c.login().says("PORT 192,168,1,2,156,65").replies("200 ok").says("LIST");
    c.syn("198.51.100.7:20", "192.168.1.2:40001").rst("192.168.1.2:40001", "198.51.100.7:20", 64);
    c.replies("425 Connection refused");
    const auto known = only(c);
    ASSERT_THAT(known.methods, SizeIs(1));
    EXPECT_EQ(known.methods[0].result, method_result::refused);
    EXPECT_EQ(known.methods[0].reply_code, 425);
    EXPECT_EQ(known.methods[0].packets->syns, 1U);
}

TEST(capture_reader_test, segments_out_of_order_and_missing_ones) {
    captured c;
    c.open();
    const auto server_says = [&](std::uint32_t sequence, std::string_view text) {
        c.packet_of({.from = at("198.51.100.7:21"),
                     .to = at("192.168.1.2:40000"),
                     .ttl = 60,
                     .sequence = sequence,
                     .ack = true,
                     .payload = text,
                     .size = text.size()});
    };
    server_says(1004, "ready\r\n");
    server_says(1000, "220 ");
    server_says(1000, "220 ready\r\n");
    c.says("USER a").says("PASS geheim");
    const auto known = only(c);
    EXPECT_EQ(known.greeting, "ready");
    EXPECT_THAT(known.not_measured, SizeIs(0));
}

TEST(capture_reader_test, what_the_capture_has_lost_is_named) {
    captured c;
    c.open().replies("220 ready").says("USER a");
    const auto server_says = [&](std::uint32_t sequence, std::string_view text) {
        c.packet_of({.from = at("198.51.100.7:21"),
                     .to = at("192.168.1.2:40000"),
                     .ttl = 60,
                     .sequence = sequence,
                     .ack = true,
                     .payload = text,
                     .size = text.size()});
    };
    // After "220 ready", ten bytes are missing.
    server_says(1000 + 11 + 10, "230 in\r\n");
    c.packet_of({.from = at("192.168.1.2:40000"),
                 .to = at("198.51.100.7:21"),
                 .ttl = 64,
                 .sequence = 108,
                 .acknowledgment = 1029,
                 .ack = true});
    const auto known = only(c);
    EXPECT_THAT(known.phases, Contains(testing::Field(&diagnosis::phase::name, "login")));
    EXPECT_THAT(known.not_measured, Contains(HasSubstr("10 bytes of the control connection")));
}

TEST(capture_reader_test, mail_has_the_same_greeting) {
    captured c("192.168.1.2:40000", "198.51.100.7:2525");
    c.open().replies("220 mail ESMTP").says("EHLO me").replies("250 ok");
    EXPECT_THAT(c.sessions(), SizeIs(0));
}

TEST(capture_reader_test, another_port_is_found_by_the_greeting) {
    captured c("192.168.1.2:40000", "198.51.100.7:2121");
    c.login();
    EXPECT_EQ(only(c).server.port, 2121);
}

TEST(capture_reader_test, a_control_port_without_an_answer) {
    captured c;
    c.syn("192.168.1.2:40000", "198.51.100.7:21").wait(1000).syn("192.168.1.2:40000", "198.51.100.7:21");
    EXPECT_THAT(ids(only(c)), Contains("control-port-silent"));
}

TEST(capture_reader_test, many_connections_are_no_matter_of_memory) {
    captured c;
    c.login();
    for (int i = 0; i < 20'000; ++i) {
        const endpoint other{ip_address::v4({10, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i), 1}), 4000};
        c.packet_of({.from = other, .to = at("198.51.100.7:80"), .ttl = 60, .sequence = 1, .syn = true});
    }
    EXPECT_THAT(c.sessions(), SizeIs(1));
}

TEST(capture_reader_test, scans_and_mail_use_up_no_places_of_sessions) {
    captured c("10.0.0.1:4000", "198.51.100.7:21", {.sessions = 3});
    for (int i = 1; i <= 5; ++i) {
        c.syn(fmt::format("10.0.0.{}:4000", i), "198.51.100.7:2121");
        c.another(fmt::format("10.0.1.{}:4000", i), "198.51.100.7:2525").open();
        c.replies("220 mail ESMTP").says("EHLO me").replies("250 ok");
    }
    c.another("192.168.1.2:40000", "198.51.100.7:2121").login();
    auto found = c.sessions();
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_EQ(found[0].server.port, 2121);
    EXPECT_THAT(found[0].not_measured, SizeIs(0));
    EXPECT_FALSE(c.reader().has_left_out());
}

TEST(capture_reader_test, sessions_take_the_places_of_attempts_without_an_answer) {
    captured c("10.0.0.1:4000", "198.51.100.7:21", {.sessions = 2});
    for (int i = 1; i <= 4; ++i) c.syn(fmt::format("10.0.0.{}:4000", i), "198.51.100.7:21");
    c.another("192.168.1.2:40000", "198.51.100.7:21").login();
    c.another("192.168.1.2:40001", "198.51.100.7:21").login();
    c.another("192.168.1.2:40002", "198.51.100.7:21").login();
    const auto found = c.sessions();
    ASSERT_THAT(found, SizeIs(2));
    EXPECT_EQ(found[0].client.port, 40000);
    EXPECT_EQ(found[1].client.port, 40001);
    EXPECT_THAT(found[1].not_measured, Contains(HasSubstr("more than the doctor reads")));
}

TEST(capture_reader_test, lines_beyond_the_memory_are_left_out) {
    captured c("192.168.1.2:40000", "198.51.100.7:21", {.line_bytes = 4'000});
    c.login();
    for (int i = 0; i < 100; ++i) c.says("NOOP").replies("200 ok");
    const auto known = only(c);
    EXPECT_THAT(known.not_measured, Contains(HasSubstr("the rest of a session")));
    EXPECT_THAT(known.not_measured, Contains(HasSubstr("further sessions, commands")));
}

TEST(capture_reader_test, a_client_port_that_is_used_again_after_a_refusal) {
    captured c;
    c.syn("192.168.1.2:40000", "198.51.100.7:21").rst("198.51.100.7:21", "192.168.1.2:40000", 60);
    c.wait(60'000).login();
    const auto found = c.sessions();
    ASSERT_THAT(found, SizeIs(2));
    EXPECT_THAT(ids(found[0]), Contains("control-port-refused"));
    EXPECT_THAT(ids(found[1]), SizeIs(0));
}

TEST(capture_reader_test, a_tls_session_that_has_ended_expects_no_data_connections) {
    captured c;
    c.open().replies("220 ready").says("AUTH TLS").replies("234 go");
    c.packet_of({.from = at("192.168.1.2:40000"),
                 .to = at("198.51.100.7:21"),
                 .ttl = 64,
                 .sequence = 110,
                 .ack = true,
                 .fin = true,
                 .payload = "\x17\x03\x03 bye",
                 .size = 7});
    c.syn(client, server).wait(1000).syn(client, server);
    EXPECT_THAT(only(c).methods, SizeIs(0));
}

TEST(capture_reader_test, transfers_through_the_same_port_have_their_own_bytes) {
    captured c;
    c.login();
    for (const std::size_t size : {300U, 500U}) {
        const auto from = fmt::format("192.168.1.2:{}", 41'000 + size);
        c.says("PASV").replies(passive_reply).syn(from, server).syn_ack(server, from).ack(from, server);
        c.says("LIST").replies("150 here").data(server, from, 51, size, true).ack(from, server).replies("226 done");
    }
    const auto known = only(c);
    ASSERT_THAT(known.methods, SizeIs(2));
    EXPECT_EQ(known.methods[0].bytes, 300U);
    EXPECT_EQ(known.methods[1].bytes, 500U);
}

}  // namespace
}  // namespace sallyport::doctor
