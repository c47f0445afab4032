// Backends chosen at the login, and backends that fail during one.

#include <sallyport/gate/gate_test.hpp>

namespace sallyport::gate {
namespace {

class GateLogin : public gate_test {
protected:
    /// Stubs whose file "who" tells their place.
    void farm(std::vector<backend_terms> terms) {
        std::vector<backend> backends;
        for (const auto& own : terms) {
            stubs.push_back(std::make_unique<ftp_stub>(behaviour{.files = {{"who", std::to_string(stubs.size())}}}));
            backends.push_back(at(stubs.back()->port(), backend_tls::none, own));
        }
        start(std::move(backends));
    }
    /// Where this user's session is.
    std::string home(const std::string& user) {
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

TEST_F(GateLogin, LeadsUsersToTheirBackends_G7) {
    farm({{.users = {"anna", "b*"}}, {}});
    EXPECT_EQ(home("anna"), "0");
    EXPECT_EQ(home("bob"), "0");
    EXPECT_EQ(home("carl"), "1");
    auto c = client();
    EXPECT_EQ(c.reply(), "220 FTP service ready.");
    c.give_password("carl");
    c.give_password("anna");  // the same client as another user
    EXPECT_EQ(c.download("RETR who"), "0");
    EXPECT_TRUE(eventually([this] { return sessions() == std::vector<std::size_t>{1, 0}; }));
}

TEST_F(GateLogin, LeadsHostsToTheirBackends_G7) {
    farm({{.hosts = {"ftp.a.example"}}, {.hosts = {"*.b.example"}}});
    for (const auto& [host, place] : std::map<std::string, std::string>{{"ftp.a.example", "0"}, {"x.B.example", "1"}}) {
        auto c = client();
        c.reply();
        EXPECT_EQ(c.code("HOST " + host), "220");
        c.give_password();
        EXPECT_EQ(c.download("RETR who"), place);
    }
    EXPECT_TRUE(stubs[0]->saw("HOST") && stubs[1]->saw("HOST"));
    auto lost = client();
    lost.reply();
    EXPECT_EQ(lost.code("USER anna"), "331");
    EXPECT_EQ(lost.ask("PASS x"), "530 Login incorrect.");
    EXPECT_EQ(counters.logins_refused.load(), 1U);
}

TEST_F(GateLogin, KeepsAUserAtABackend_G7) {
    setup.spread.policy = balance::user;
    farm(std::vector<backend_terms>(3));
    std::set<std::string> homes;
    for (int n = 0; n < 8; ++n) {
        const auto user = "user" + std::to_string(n);
        const auto first = home(user);
        EXPECT_EQ(home(user), first);
        homes.insert(first);
    }
    EXPECT_GT(homes.size(), 1U);
}

TEST_F(GateLogin, LetsALoginWaitForRoom_G7) {
    // Longer than eventually() waits: a client that leaves is seen to leave.
    setup.queue_wait = 60s;
    farm({{.max_sessions = 1, .users = {"anna"}}, {}});
    auto first = client();
    first.log_in("anna");
    auto gone = client();
    gone.reply();
    gone.control.send("USER anna\r\n");
    EXPECT_TRUE(eventually([this] { return gateway->backends().queued == 1; }));
    gone.control.close();
    EXPECT_TRUE(eventually([this] { return gateway->backends().queued == 0; }));
    auto second = client();
    second.reply();
    second.control.send("USER anna\r\n");
    EXPECT_TRUE(eventually([this] { return gateway->backends().queued == 1; }));
    EXPECT_EQ(home("carl"), "1");
    first.control.close();
    EXPECT_EQ(second.reply().substr(0, 3), "331");
    EXPECT_EQ(second.code("PASS x"), "230");
    EXPECT_EQ(second.download("RETR who"), "0");
}

TEST_F(GateLogin, StopsWhileALoginWaits) {
    setup.queue_wait = 30s;
    farm({{.max_sessions = 1, .users = {"anna"}}});
    auto first = client();
    first.log_in("anna");
    auto second = client();
    second.reply();
    second.control.send("USER anna\r\n");
    EXPECT_TRUE(eventually([this] { return gateway->backends().queued == 1; }));
    stop_later(2s);
    EXPECT_EQ(second.reply(), "421 The gateway is stopping; connect again later.");
    runner.join();
}

// ---- Backends that fail during a login

/// The first of two answers `verb` as told, the second one well.
class GateLoginFault : public GateLogin {
protected:
    void start_with(const std::string& verb, std::string_view answer) {
        stubs.push_back(std::make_unique<ftp_stub>(
            behaviour{.files = {{"who", "0"}}, .replies = {{verb, std::string(answer)}, {"GREETING", "220 first"}}}));
        stubs.push_back(std::make_unique<ftp_stub>(behaviour{.files = {{"who", "1"}}}));
        setup.spread.policy = balance::round_robin;
        start({at(stubs[0]->port()), at(stubs[1]->port())});
    }
};

TEST_F(GateLoginFault, ReplacesABackendThatFailsAtUser_G7) {
    for (const auto answer : {testing::hang_up, testing::send_reset, std::string_view("421 full")}) {
        stubs.clear();
        start_with("USER", answer);
        auto c = client();
        EXPECT_EQ(c.reply(), "220 first");
        c.give_password("anna");
        EXPECT_EQ(c.download("RETR who"), "1");
        EXPECT_EQ(sessions(), (std::vector<std::size_t>{0, 1}));
        c.control.close();
        stop();
    }
}

TEST_F(GateLoginFault, ReplacesABackendThatFailsAtThePasswordOfAnAnonymousUser_G7) {
    start_with("PASS", testing::hang_up);
    auto guest = client();
    EXPECT_EQ(guest.reply(), "220 first");
    guest.give_password("anonymous", "me@");
    EXPECT_EQ(guest.download("RETR who"), "1");
    auto next = client();
    next.log_in("anonymous");
    auto anna = client();
    EXPECT_EQ(anna.reply(), "220 first");
    EXPECT_EQ(anna.code("USER anna"), "331");
    EXPECT_EQ(anna.code("PASS secret"), "421");
    EXPECT_EQ(anna.reply(), "");
}

TEST_F(GateLoginFault, TakesARefusedLoginForAnAnswer_G7) {
    start_with("PASS", "530 no");
    auto c = client();
    EXPECT_EQ(c.reply(), "220 first");
    EXPECT_EQ(c.code("USER anonymous"), "331");
    EXPECT_EQ(c.ask("PASS me@"), "530 no");
    EXPECT_FALSE(stubs[1]->saw("USER"));
}

TEST_F(GateLoginFault, SaysSoWhereEveryBackendFails) {
    stubs.push_back(std::make_unique<ftp_stub>(behaviour{.replies = {{"USER", std::string(testing::hang_up)}}}));
    start({at(stubs[0]->port())});
    auto c = client();
    c.reply();
    EXPECT_EQ(c.ask("USER anna"), "421 No server behind this gateway answers; try again later.");
    EXPECT_EQ(c.reply(), "");
}

}  // namespace
}  // namespace sallyport::gate
