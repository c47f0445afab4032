// Timeouts of a server session, without a clock: the test passes the time and checks the deadlines.

#include <gtest/gtest.h>

#include <string>

#include <sallyport/proto/server_machine.hpp>

namespace sallyport::proto {
namespace {

using namespace std::chrono_literals;

constexpr session_time begin{100h};

class server_deadlines : public ::testing::Test {
protected:
    static server_settings settings() {
        server_settings s;
        s.peer = *endpoint::parse("198.51.100.7:40000");
        s.local = *endpoint::parse("203.0.113.5:21");
        s.anonymous_allowed = true;
        s.tls_available = true;
        s.idle_timeout = 300s;
        s.login_timeout = 60s;
        s.now = begin;
        return s;
    }

    /// The next action of the machine; its replies are appended to `said`.
    server_action next() {
        for (;;) {
            auto action = machine.next();
            if (std::holds_alternative<act::login_timed_out>(action)) {
                ++timed_out;
                continue;
            }
            std::string sent;
            machine.release_output(sent);
            said += sent;
            if (!std::holds_alternative<act::send>(action) && !std::holds_alternative<act::release_data>(action))
                return action;
        }
    }
    /// The time until the machine's deadline.
    session_time::duration until() {
        const auto action = next();
        const auto* wait = std::get_if<act::need_input>(&action);
        return wait != nullptr && wait->until != session_time::max() ? wait->until - now : session_time::duration::max();
    }
    void client(std::string_view line) {
        machine.set_time(now);
        machine.receive(std::string(line) + "\r\n");
    }
    void log_in() {
        client("USER anonymous");
        client("PASS x@");
        ASSERT_TRUE(std::holds_alternative<act::check_login>(next()));
        machine.set_time(now);
        machine.login_done({});
    }
    void start_download() {
        log_in();
        client("EPSV");
        ASSERT_TRUE(std::holds_alternative<act::open_passive>(next()));
        machine.passive_done(*endpoint::parse("203.0.113.5:50000"));
        client("RETR /f");
        ASSERT_TRUE(std::holds_alternative<act::start_transfer>(next()));
    }
    void passed(session_time::duration time) {
        now += time;
        machine.time_passed(now);
        (void)next();
    }
    [[nodiscard]] std::string last_line() const {
        const auto end = said.rfind("\r\n", said.size() - 3);
        return said.substr(end == std::string::npos ? 0 : end + 2,
                           said.size() - (end == std::string::npos ? 0 : end + 2) - 2);
    }

    session_time now = begin;
    server_machine machine{settings()};
    std::string said;
    int timed_out = 0;
};

TEST_F(server_deadlines, the_login_timeout_starts_at_the_connection) {
    EXPECT_EQ(until(), 60s);
    now += 50s;
    client("NOOP");
    EXPECT_EQ(until(), 10s) << "commands of the client do not extend it";
    passed(9s);
    EXPECT_FALSE(machine.closing());
    passed(1s);
    EXPECT_TRUE(machine.closing());
    EXPECT_EQ(last_line(), "421 Login timeout: not logged in within 60 s.");
    EXPECT_EQ(timed_out, 1);
}

TEST_F(server_deadlines, the_login_timeout_restarts_after_REIN) {
    log_in();
    now += 200s;
    client("REIN");
    EXPECT_EQ(until(), 60s);
    passed(60s);
    EXPECT_EQ(last_line(), "421 Login timeout: not logged in within 60 s.");
}

TEST_F(server_deadlines, an_idle_session_ends) {
    log_in();
    EXPECT_EQ(until(), 300s);
    passed(299s);
    EXPECT_FALSE(machine.closing());
    client("NOOP");
    EXPECT_EQ(until(), 300s);
    passed(300s);
    EXPECT_TRUE(machine.closing());
    EXPECT_EQ(last_line(), "421 Idle timeout: no command for 300 s.");
    EXPECT_EQ(timed_out, 0);
}

TEST_F(server_deadlines, a_running_transfer_is_activity_G5) {
    ASSERT_NO_FATAL_FAILURE(start_download());
    EXPECT_EQ(until(), session_time::duration::max());
    passed(1000s);
    EXPECT_FALSE(machine.closing());
    machine.set_time(now);
    machine.transfer_done(transfer_outcome{}, true);
    EXPECT_EQ(until(), 300s) << "counted from its end";
}

TEST_F(server_deadlines, slow_work_of_the_server_does_not_count_as_idle) {
    log_in();
    client("CWD /slow");
    ASSERT_TRUE(std::holds_alternative<act::run_file>(next()));
    now += 250s;
    machine.set_time(now);
    machine.file_done(file_result{});
    EXPECT_EQ(until(), 300s);
}

TEST_F(server_deadlines, a_handshake_has_its_own_timeout) {
    log_in();
    now += 200s;
    client("AUTH TLS");
    const auto action = next();
    const auto* handshake = std::get_if<act::start_tls>(&action);
    ASSERT_NE(handshake, nullptr);
    EXPECT_EQ(handshake->until - now, 10s);
    EXPECT_EQ(last_line().substr(0, 3), "234");
    said.clear();
    now += 10s - 1ms;
    machine.time_passed(now);
    EXPECT_FALSE(machine.closing());
    now += 1ms;
    machine.time_passed(now);
    const auto end = next();
    const auto* close = std::get_if<act::close>(&end);
    ASSERT_NE(close, nullptr);
    EXPECT_FALSE(close->graceful);
    EXPECT_EQ(said, "") << "a reply could be taken for a part of the handshake";
    EXPECT_EQ(timed_out, 0);
}

TEST_F(server_deadlines, the_login_timeout_continues_after_the_handshake) {
    client("AUTH TLS");
    ASSERT_TRUE(std::holds_alternative<act::start_tls>(next()));
    now += 9s;
    machine.set_time(now);
    machine.tls_started();
    EXPECT_EQ(until(), 51s) << "its duration counts for the login";
    passed(51s);
    EXPECT_EQ(last_line(), "421 Login timeout: not logged in within 60 s.");
}

TEST_F(server_deadlines, implicit_tls_starts_with_its_handshake) {
    auto implicit = settings();
    implicit.tls_active = true;
    machine = server_machine(implicit);
    const auto action = next();
    const auto* handshake = std::get_if<act::start_tls>(&action);
    ASSERT_NE(handshake, nullptr);
    EXPECT_EQ(handshake->until, begin + 10s);
    machine.terminate("Stopping.");
    EXPECT_FALSE(machine.closing()) << "the client could not read a reply before the handshake";
    machine.tls_started();
    EXPECT_EQ(until(), 60s);
    EXPECT_EQ(last_line(), "220 Sallyport ready.");
}

TEST_F(server_deadlines, a_failed_handshake_ends_without_a_reply) {
    auto implicit = settings();
    implicit.tls_active = true;
    machine = server_machine(implicit);
    ASSERT_TRUE(std::holds_alternative<act::start_tls>(next()));
    machine.tls_failed();
    const auto end = next();
    const auto* close = std::get_if<act::close>(&end);
    ASSERT_NE(close, nullptr);
    EXPECT_FALSE(close->graceful);
    EXPECT_EQ(said, "");
}

TEST_F(server_deadlines, the_data_connection_timeout_starts_when_the_file_is_ready) {
    ASSERT_NO_FATAL_FAILURE(start_download());
    // The disk is slow.
    now += 5s;
    machine.set_time(now);
    const auto due = machine.data_connection_deadline();
    EXPECT_EQ(due.at - now, 30s);
    EXPECT_EQ(due.kind, deadline_kind::data);
    now += 30s;
    machine.set_time(now);
    EXPECT_EQ(machine.transfer_done(fail(errc::timeout, "data connection: none"), false), 425);
    EXPECT_EQ(until(), 300s) << "the session continues, and is idle from now on";
    EXPECT_EQ(last_line(), "425 data connection: none.");
}

TEST_F(server_deadlines, no_deadline_expires_early) {
    log_in();
    for (int i = 0; i < 3; ++i) passed(99s);
    EXPECT_FALSE(machine.closing());
}

}  // namespace
}  // namespace sallyport::proto
