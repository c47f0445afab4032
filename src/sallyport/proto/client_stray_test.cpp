// A server that sends one reply too many at any point of a session: no operation succeeds by the reply to another one, and
// the session ends with errc::stray_reply.

#include <sallyport/proto/client_machine.hpp>

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <sallyport/proto/client_test_script.hpp>

namespace sallyport::proto {
namespace {

/// The replies of a correct server; RETR has two.
std::vector<std::string> usual_replies(std::string_view line) {
    const auto verb = line.substr(0, line.find(' '));
    if (verb == "AUTH") return {"234 go on"};
    if (verb == "USER") return {"331 password"};
    if (verb == "PASS") return {"230 in"};
    if (verb == "FEAT") return {"211-Features\r\n UTF8\r\n211 End"};
    if (verb == "SIZE") return {"213 420"};
    if (verb == "MDTM") return {"213 20260102030405"};
    if (verb == "PWD") return {"257 \"/\""};
    if (verb == "CWD") return {"250 ok"};
    if (verb == "EPSV") return {"229 (|||5001|)"};
    if (verb == "PASV") return {"227 (192,0,2,1,19,137)"};
    if (verb == "REST") return {"350 go on"};
    if (verb == "RETR") return {"150 here it comes", "226 done"};
    return {"200 ok"};
}

/// One session with that server, with one more reply after the one with this number, in a separate read.
class session {
public:
    session(std::size_t replies_before, std::string stray)
        : stray_after_(replies_before), stray_(std::move(stray)), p_(settings()) {
        queued_ = {"220 hi"};
    }

    void run() {
        auto& m = p_.machine;
        m.queue_size("x");
        m.queue_transfer({.command = verb::retr, .path = "x", .offset = 100});
        m.queue_request(verb::cwd, "d");
        m.queue_request(verb::pwd, {});
        m.queue_transfer(retr("y"));
        m.queue_transfer(retr("z"));
        m.queue_request(verb::pwd, {});
        drive();
    }

    [[nodiscard]] bool ended() const { return !p_.machine.usable(); }
    [[nodiscard]] std::size_t replies_sent() const { return sent_; }
    [[nodiscard]] const std::optional<client_failure>& failure() const { return p_.machine.failure(); }
    [[nodiscard]] const std::string& last_command() const { return last_command_; }
    [[nodiscard]] const std::string& command_before_stray() const { return command_before_stray_; }

private:
    static client_settings settings() {
        auto s = client_script::tls();
        s.account = "dept7";
        return s;
    }
    void drive() {
        auto& m = p_.machine;
        for (int steps = 0; steps < 500; ++steps) {
            const auto action = m.next();
            take_commands();
            if (std::holds_alternative<client_act::done>(action)) return;
            if (std::holds_alternative<client_act::read>(action)) {
                give_reply();
            } else if (std::holds_alternative<client_act::start_tls>(action)) {
                m.tls_started();
            } else if (std::holds_alternative<client_act::connect_data>(action)) {
                m.data_opened({});
            } else if (std::holds_alternative<client_act::listen_data>(action)) {
                m.data_listening(*endpoint::parse("192.0.2.7:6000"));
            } else if (std::holds_alternative<client_act::accept_data>(action)) {
                m.data_opened(fail(errc::timeout));
            } else {
                m.data_done();
            }
        }
        ADD_FAILURE() << "does not end";
    }
    void take_commands() {
        std::string_view out = p_.machine.output();
        while (!out.empty()) {
            last_command_ = out.substr(0, out.find('\r'));
            out.remove_prefix(last_command_.size() + 2);
            for (auto& r : usual_replies(last_command_)) queued_.push_back(std::move(r));
        }
        p_.machine.output_sent();
    }
    void give_reply() {
        if (sent_ == stray_after_ && !stray_.empty()) {
            command_before_stray_ = last_command_;
            p_.machine.receive(std::exchange(stray_, {}) + "\r\n");
        } else if (queued_.empty()) {
            p_.machine.connection_failed(error{errc::timeout, 0, {}});
        } else {
            p_.machine.receive(queued_.front() + "\r\n");
            queued_.pop_front();
            ++sent_;
        }
    }

    std::size_t stray_after_;
    std::string stray_;
    client_script p_;
    // The replies that the server has not sent yet.
    std::deque<std::string> queued_;
    std::string last_command_;
    std::string command_before_stray_;
    std::size_t sent_ = 0;
};

TEST(client_stray, without_one_the_session_is_a_success) {
    session s(0, "");
    s.run();
    EXPECT_FALSE(s.failure()) << s.failure()->cause.text();
    EXPECT_FALSE(s.ended());
    EXPECT_EQ(s.replies_sent(), 23U);
}

TEST(client_stray, one_at_any_step_ends_the_session_by_that_name) {
    const int codes[] = {110, 120, 125, 150, 200, 202, 211, 213, 214, 215, 220, 221, 225, 226, 227, 229, 230, 232,
                         234, 250, 257, 331, 332, 334, 350, 425, 426, 450, 451, 452, 500, 502, 503, 530, 550, 553};
    // The last command shows replies that were not read.
    for (std::size_t replies_before = 0; replies_before < 22; ++replies_before) {
        for (const int code : codes) {
            session s(replies_before, std::to_string(code) + " one too many");
            s.run();
            SCOPED_TRACE(std::to_string(code) + " after reply " + std::to_string(replies_before) + ", before the one to " +
                         s.command_before_stray());
            // A second 1xx changes nothing.
            const bool waits_for_begin = s.command_before_stray().starts_with("RETR") && code < 200;
            const bool delays_greeting = s.command_before_stray().empty() && code == 120;
            if (waits_for_begin || delays_greeting) {
                EXPECT_FALSE(s.failure());
                continue;
            }
            ASSERT_TRUE(s.failure());
            EXPECT_TRUE(s.ended());
            // A refusal of the login, of TLS or of the session ends the session with that reply.
            if (s.failure()->reply_code == code && (code >= 400 || s.command_before_stray().starts_with("AUTH"))) continue;
            EXPECT_EQ(s.failure()->cause.code, errc::stray_reply) << s.failure()->cause.text();
        }
    }
}

TEST(client_stray, the_message_names_the_reply_and_the_command) {
    client_script p;
    p.run({"< 220 hi", "> USER anonymous", "< 331 pw?", "> PASS pw", "< 230 in", "> FEAT", "< 230 in", "* done"});
    EXPECT_EQ(p.failure().cause.text(), "stray reply from the server instead of one to FEAT: 230 in");
    EXPECT_EQ(p.failure().at, client_step::login);
    EXPECT_FALSE(p.machine.usable());
}

TEST(client_stray, a_transfer_that_is_cut_is_never_confirmed_by_the_reply_to_another_command) {
    client_script p;
    p.log_in().machine.queue_transfer(retr("x"));
    p.run({"> TYPE I", "< 200 ok", "> EPSV", "< 229 (|||5001|)", "* connect 192.0.2.1:5001", "> RETR x", "< 200 ok",
           "* done"});
    EXPECT_EQ(p.failure().cause.code, errc::stray_reply);
}

TEST(client_stray, a_421_after_the_end_of_a_transfer_is_not_a_stray) {
    client_script p;
    p.log_in().machine.queue_transfer(retr("x"));
    p.run({"> TYPE I", "< 200 ok", "> EPSV", "< 229 (|||5001|)", "* connect 192.0.2.1:5001", "> RETR x", "< 150 ok",
           "* move", "< 226 done", "< 421 closing", "* await", "* data", "* done"});
    EXPECT_FALSE(p.machine.failure());
    EXPECT_FALSE(p.machine.usable());
}

TEST(client_stray, two_final_replies_to_one_transfer_are_not_a_success) {
    client_script p;
    p.log_in().machine.queue_transfer(retr("x"));
    p.run({"> TYPE I", "< 200 ok", "> EPSV", "< 229 (|||5001|)", "* connect 192.0.2.1:5001", "> RETR x", "< 150 ok",
           "* move", "< 226 done", "< 426 cut", "* await", "* data", "* done"});
    EXPECT_EQ(p.failure().cause.code, errc::stray_reply);
}

}  // namespace
}  // namespace sallyport::proto
