// Backends selected at the login, and backends that fail during a login.

#include <sallyport/gate/gate_test.hpp>

namespace sallyport::gate {
namespace {

class GateLogin : public gate_test {
protected:
    /// Backends whose file "who" contains their index.
    void farm(std::vector<backend_parameters> parameters) {
        std::vector<backend> backends;
        for (const auto& each : parameters) {
            stubs.push_back(std::make_unique<ftp_stub>(behaviour{.files = {{"who", std::to_string(stubs.size())}}}));
            backends.push_back(at(stubs.back()->port(), backend_tls::none, each));
        }
        start(std::move(backends));
    }
    /// The backend of this user's session.
    std::string backend_of(const std::string& user) {
        auto c = client();
        c.log_in(user);
        return c.download("RETR who");
    }
    [[nodiscard]] std::vector<std::size_t> sessions() const {
        std::vector<std::size_t> out;
        for (const auto& b : gateway->backends().backends) out.push_back(b.sessions);
        return out;
    }

    std::vector<std::unique_ptr<ftp_stub>> stubs;
};

TEST_F(GateLogin, SelectsBackendsByUser_G7) {
    farm({{.users = {"anna", "b*"}}, {}});
    EXPECT_EQ(backend_of("anna"), "0");
    EXPECT_EQ(backend_of("bob"), "0");
    EXPECT_EQ(backend_of("carl"), "1");
    auto c = client();
    EXPECT_EQ(c.reply(), "220 FTP service ready.");
    c.send_password("carl");
    c.send_password("anna");  // the same client, another user
    EXPECT_EQ(c.download("RETR who"), "0");
    EXPECT_TRUE(eventually([this] { return sessions() == std::vector<std::size_t>{1, 0}; }));
}

TEST_F(GateLogin, SelectsBackendsByHost_G7) {
    farm({{.hosts = {"ftp.a.example"}}, {.hosts = {"*.b.example"}}});
    for (const auto& [host, expected] : std::map<std::string, std::string>{{"ftp.a.example", "0"}, {"x.B.example", "1"}}) {
        auto c = client();
        c.reply();
        EXPECT_EQ(c.code("HOST " + host), "220");
        c.send_password();
        EXPECT_EQ(c.download("RETR who"), expected);
    }
    EXPECT_TRUE(stubs[0]->saw("HOST") && stubs[1]->saw("HOST"));
    auto lost = client();
    lost.reply();
    EXPECT_EQ(lost.code("USER anna"), "331");
    EXPECT_EQ(lost.ask("PASS x"), "530 Login incorrect.");
    EXPECT_EQ(counters.logins_refused.load(), 1U);
}

TEST_F(GateLogin, KeepsAUserOnOneBackend_G7) {
    setup.balancing.policy = balancing_policy::user;
    farm(std::vector<backend_parameters>(3));
    std::set<std::string> assigned;
    for (int n = 0; n < 8; ++n) {
        const auto user = "user" + std::to_string(n);
        const auto first = backend_of(user);
        EXPECT_EQ(backend_of(user), first);
        assigned.insert(first);
    }
    EXPECT_GT(assigned.size(), 1U);
}

TEST_F(GateLogin, QueuesALogin_G7) {
    // Longer than eventually() waits, so that a client that closes leaves the queue before the timeout.
    setup.session_queue_timeout = 60s;
    farm({{.max_sessions = 1, .users = {"anna"}}, {}});
    auto first = client();
    first.log_in("anna");
    auto left_queue = client();
    left_queue.reply();
    left_queue.control.send("USER anna\r\n");
    EXPECT_TRUE(eventually([this] { return gateway->backends().queued == 1; }));
    left_queue.control.close();
    EXPECT_TRUE(eventually([this] { return gateway->backends().queued == 0; }));
    auto second = client();
    second.reply();
    second.control.send("USER anna\r\n");
    EXPECT_TRUE(eventually([this] { return gateway->backends().queued == 1; }));
    EXPECT_EQ(backend_of("carl"), "1");
    first.control.close();
    EXPECT_EQ(second.reply().substr(0, 3), "331");
    EXPECT_EQ(second.code("PASS x"), "230");
    EXPECT_EQ(second.download("RETR who"), "0");
}

TEST_F(GateLogin, StopsWhileALoginIsQueued) {
    setup.session_queue_timeout = 30s;
    farm({{.max_sessions = 1, .users = {"anna"}}});
    auto first = client();
    first.log_in("anna");
    auto second = client();
    second.reply();
    second.control.send("USER anna\r\n");
    EXPECT_TRUE(eventually([this] { return gateway->backends().queued == 1; }));
    stop_later(2s);
    EXPECT_EQ(second.reply(), "421 The service is shutting down; connect again later.");
    runner.join();
}

// ---- Backends that fail during a login

/// Two backends: the first one sends this reply to `verb`, the second one serves it.
class GateLoginFault : public GateLogin {
protected:
    void start_with(const std::string& verb, std::string_view answer) {
        stubs.push_back(std::make_unique<ftp_stub>(
            behaviour{.files = {{"who", "0"}}, .replies = {{verb, std::string(answer)}, {"GREETING", "220 first"}}}));
        stubs.push_back(std::make_unique<ftp_stub>(behaviour{.files = {{"who", "1"}}}));
        setup.balancing.policy = balancing_policy::round_robin;
        start({at(stubs[0]->port()), at(stubs[1]->port())});
    }
};

TEST_F(GateLoginFault, FailsOverAfterAFailureAtUser_G7) {
    for (const auto answer : {testing::hang_up, testing::send_reset, std::string_view("421 full")}) {
        stubs.clear();
        start_with("USER", answer);
        auto c = client();
        EXPECT_EQ(c.reply(), "220 first");
        c.send_password("anna");
        EXPECT_EQ(c.download("RETR who"), "1");
        EXPECT_EQ(sessions(), (std::vector<std::size_t>{0, 1}));
        c.control.close();
        stop();
    }
}

TEST_F(GateLoginFault, FailsOverAfterAFailureAtTheAnonymousPassword_G7) {
    start_with("PASS", testing::hang_up);
    auto anonymous = client();
    EXPECT_EQ(anonymous.reply(), "220 first");
    anonymous.send_password("anonymous", "me@");
    EXPECT_EQ(anonymous.download("RETR who"), "1");
    auto next = client();
    next.log_in("anonymous");
    auto anna = client();
    EXPECT_EQ(anna.reply(), "220 first");
    EXPECT_EQ(anna.code("USER anna"), "331");
    EXPECT_EQ(anna.code("PASS secret"), "421");
    EXPECT_EQ(anna.reply(), "");
}

TEST_F(GateLoginFault, DoesNotFailOverAfterARefusedLogin_G7) {
    start_with("PASS", "530 no");
    auto c = client();
    EXPECT_EQ(c.reply(), "220 first");
    EXPECT_EQ(c.code("USER anonymous"), "331");
    EXPECT_EQ(c.ask("PASS me@"), "530 no");
    EXPECT_FALSE(stubs[1]->saw("USER"));
}

// Some servers reply to a wrong password after seconds: who does not wait for that has failed too.
TEST_F(GateLoginFault, CountsAPasswordThatTheClientAbandons_AU02) {
    stubs.push_back(std::make_unique<ftp_stub>(behaviour{.replies = {{"PASS", std::string(testing::stay_silent)}}}));
    start({at(stubs[0]->port())});
    const auto abandon = [this](const std::string& user, const std::string& password) {
        auto c = client();
        c.reply();
        EXPECT_EQ(c.code("USER " + user), "331");
        c.control.send(password + "\r\n");
        EXPECT_TRUE(eventually([&] { return std::ranges::count(stubs[0]->commands(), password) == 1; }));
        c.control.reset();
    };
    abandon("anonymous", "PASS me@");
    EXPECT_TRUE(eventually([this] { return counters.sessions_open.load() == 0; }));
    EXPECT_EQ(counters.logins_refused.load(), 0U) << "there is nothing to guess";
    abandon("anna", "PASS secret");
    EXPECT_TRUE(eventually([this] { return counters.logins_refused.load() == 1; }));
}

TEST_F(GateLoginFault, Sends421IfEveryBackendFails) {
    stubs.push_back(std::make_unique<ftp_stub>(behaviour{.replies = {{"USER", std::string(testing::hang_up)}}}));
    start({at(stubs[0]->port())});
    auto c = client();
    c.reply();
    EXPECT_EQ(c.ask("USER anna"), "421 No FTP server is available; try again later.");
    EXPECT_EQ(c.reply(), "");
}

}  // namespace
}  // namespace sallyport::gate
