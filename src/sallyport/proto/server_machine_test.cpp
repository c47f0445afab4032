// Tests that transcripts cannot express: counters, bounded memory, the trace, unexpected calls. The sessions themselves are
// in tests/transcripts.

#include <sallyport/proto/server_machine.hpp>

#include <set>

#include <gtest/gtest.h>

#include <sallyport/base/limits.hpp>

namespace sallyport::proto {
namespace {

server_settings settings() {
    server_settings s;
    s.local = *endpoint::parse("10.0.0.1:21");
    s.peer = *endpoint::parse("192.168.1.2:40000");
    s.tls_available = true;
    return s;
}

std::string release_output(server_machine& m) {
    std::string out;
    m.release_output(out);
    return out;
}

/// Passes `text` to the machine and calls next() until it returns an action other than `send`.
server_action give(server_machine& m, std::string_view text, std::string& out) {
    m.receive(text);
    for (;;) {
        server_action action = m.next();
        out += release_output(m);
        if (!std::holds_alternative<act::send>(action)) return action;
    }
}

void log_in(server_machine& m) {
    std::string out;
    ASSERT_TRUE(std::holds_alternative<act::check_login>(give(m, "USER bob\r\nPASS x\r\n", out)));
    m.login_done({});
    ASSERT_TRUE(m.logged_in());
    release_output(m);
}

TEST(server_machine, every_verb_of_the_table_is_served) {
    for (const command_row& row : command_table()) {
        server_machine m(settings());
        std::string out;
        log_in(m);
        (void)give(m, std::string(row.name) + "\r\n", out);
        (void)give(m, std::string(row.name) + " 1\r\n", out);
        EXPECT_EQ(out.find("500 Unknown"), std::string::npos) << row.name;
    }
}

// S6
TEST(server_machine, commands_that_the_policy_refuses) {
    auto restricted = settings();
    restricted.policy = *command_policy::make({}, {"MLSD", "REIN"}, true);
    server_machine m(restricted);
    log_in(m);
    const auto code_of = [&](std::string_view line) {
        std::string out;
        EXPECT_TRUE(std::holds_alternative<act::need_input>(give(m, std::string(line) + "\r\n", out))) << line;
        return out.substr(0, 3);
    };
    EXPECT_EQ(code_of("MLSD"), "502");
    EXPECT_EQ(code_of("REIN"), "502");
    for (const auto* line :
         {"STOR up", "DELE file", "RNFR file", "MKD new", "SITE CHMOD 777 file", "MDTM 20260101000000 file"})
        EXPECT_EQ(code_of(line), "550") << line;
    EXPECT_EQ(code_of("RNTO other"), "550");
    EXPECT_EQ(code_of("NOOP"), "200");
    std::string lists;
    (void)give(m, "FEAT\r\nHELP\r\n", lists);
    EXPECT_EQ(lists.find("REIN"), std::string::npos);
    EXPECT_EQ(lists.find("MLSD"), std::string::npos);
    EXPECT_NE(lists.find("SIZE"), std::string::npos);
}

TEST(server_machine, commands_that_the_policy_refuses_begin_no_transfer) {
    auto restricted = settings();
    restricted.policy = *command_policy::make({"PASV", "LIST"}, {}, false);
    server_machine m(restricted);
    log_in(m);
    std::string out;
    ASSERT_TRUE(std::holds_alternative<act::open_passive>(give(m, "PASV\r\n", out)));
    m.passive_done(*endpoint::parse("10.0.0.1:5000"));
    EXPECT_TRUE(std::holds_alternative<act::need_input>(give(m, "RETR file\r\n", out)));
    EXPECT_NE(out.find("502 RETR is not allowed here."), std::string::npos) << out;
    EXPECT_TRUE(std::holds_alternative<act::start_transfer>(give(m, "LIST\r\n", out)));
}

TEST(server_machine, replies_of_a_long_pipeline_are_sent_in_parts) {
    server_machine m(settings());
    log_in(m);
    std::string many;
    for (int i = 0; i < 1000; ++i) many += "HELP\r\n";
    m.receive(many);
    std::size_t largest = 0;
    for (;;) {
        const server_action action = m.next();
        largest = std::max(largest, release_output(m).size());
        if (std::holds_alternative<act::need_input>(action)) break;
    }
    EXPECT_LT(largest, limits::control_read_size + 1024);
}

TEST(server_machine, trace_shows_each_line_once_and_no_password) {
    server_machine m(settings());
    std::vector<std::string> lines;
    m.set_trace([&lines](std::string_view line) { lines.emplace_back(line); });
    std::string out;
    (void)give(m, "USER bob\r\nPASS canary\r\n", out);
    m.login_done(fail(errc::login_refused));
    (void)m.next();
    EXPECT_EQ(lines, (std::vector<std::string>{"< 220 Sallyport ready.", "> USER bob", "< 331 Password required.",
                                               "> PASS ****", "< 530 Login incorrect."}));
}

TEST(server_machine, trace_shows_deferred_lines_when_they_arrive) {
    server_machine m(settings());
    log_in(m);
    std::string out;
    (void)give(m, "PASV\r\n", out);
    m.passive_done(*endpoint::parse("10.0.0.1:50000"));
    (void)give(m, "RETR a\r\n", out);
    ASSERT_TRUE(m.transfer_running());
    EXPECT_TRUE(std::holds_alternative<act::need_input>(give(m, "PWD\r\nQUIT\r\n", out)));
    EXPECT_TRUE(m.quit_received());
    m.transfer_done(transfer_outcome{}, true);
    EXPECT_TRUE(std::holds_alternative<act::close>(give(m, "", out)));
    EXPECT_TRUE(m.closing());
}

TEST(server_machine, says_goodbye_at_the_end_of_input_in_every_stage) {
    for (const auto* sent : {"", "USER bob\r\n", "NOO"}) {
        server_machine m(settings());
        std::string out;
        (void)give(m, sent, out);
        m.input_ended();
        EXPECT_TRUE(std::holds_alternative<act::close>(give(m, "", out))) << sent;
        EXPECT_TRUE(out.ends_with("221 Goodbye.\r\n")) << out;
        EXPECT_EQ(out.find("500"), std::string::npos) << out;
    }
}

// A name so long that no file can have the complete argument as its name.
TEST(server_machine, mdtm_sets_a_time_if_the_argument_cannot_be_a_file_name) {
    server_machine m(settings());
    log_in(m);
    std::string out;
    const std::string name(250, 'n');
    const server_action action = give(m, "MDTM 20200101000000 " + name + "\r\n", out);
    const auto* file = std::get_if<act::run_file>(&action);
    ASSERT_NE(file, nullptr);
    EXPECT_EQ(file->request.command, verb::mfmt);
    EXPECT_EQ(file->request.path.name(), name);
}

TEST(server_machine, names_in_replies_cannot_forge_a_line) {
    server_machine m(settings());
    log_in(m);
    std::string out;
    ASSERT_TRUE(std::holds_alternative<act::run_file>(give(m, "MLST x\r\n", out)));
    m.file_done(file_result{.line = "227 Entering\r\n227 (1,2,3,4,5,6)"});
    out.clear();
    (void)give(m, "", out);
    EXPECT_EQ(out.find("\r\n227"), std::string::npos) << out;
}

TEST(server_machine, a_flood_of_telnet_options_ends_the_session) {
    server_machine m(settings());
    std::string flood;
    for (int i = 0; i < 400; ++i) flood += "\xff\xfd\x01";
    std::string out;
    EXPECT_TRUE(std::holds_alternative<act::close>(give(m, flood, out)));
    EXPECT_NE(out.find("421 "), std::string::npos);
}

TEST(server_machine, a_421_before_the_greeting_replaces_it) {
    server_machine m(settings());
    m.terminate("Too many sessions.");
    EXPECT_TRUE(std::holds_alternative<act::close>(m.next()));
    EXPECT_EQ(m.output(), "421 Too many sessions.\r\n");
}

TEST(server_machine, unexpected_outcomes_change_nothing) {
    server_machine m(settings());
    (void)m.next();
    release_output(m);
    m.login_done({});
    m.passive_done(*endpoint::parse("10.0.0.1:5"));
    m.file_done(file_result{});
    m.transfer_done(transfer_outcome{}, true);
    m.transfer_opened("x");
    m.tls_started();
    EXPECT_EQ(m.output(), "");
    EXPECT_FALSE(m.logged_in());
}

TEST(server_machine, bounce_attempts_are_counted) {
    server_machine m(settings());
    log_in(m);
    std::string out;
    (void)give(m, "PORT 10,9,9,9,7,138\r\nEPRT |1|192.168.1.2|22|\r\n", out);
    EXPECT_EQ(m.bounce_attempts(), 2U);
}

// RX-08
TEST(server_machine, help_before_login_stays_below_512_bytes) {
    server_machine m(settings());
    std::string out;
    (void)give(m, "", out);
    out.clear();
    (void)give(m, "HELP\r\n", out);
    EXPECT_LT(out.size(), 512U);
}

}  // namespace
}  // namespace sallyport::proto
