// A gateway whose clients name the server. All servers of these tests are on this machine, which is never permitted: that
// permitted ones work is shown in networks, by the integration tests.

#include <sallyport/gate/forward_rule.hpp>
#include <sallyport/gate/gate_test.hpp>

namespace sallyport::gate {
namespace {

class GateForward : public gate_test {
protected:
    void start_proxy(std::vector<backend> backends = {}) {
        for (const auto* const each : {"0.0.0.0/0:1-65535", "::/0", "localhost:1-65535"})
            setup.forward_to.push_back(*parse_forward_rule(each));
        start(std::move(backends));
    }
};

TEST_F(GateForward, RunsWithoutABackend) {
    start_proxy();
    EXPECT_TRUE(gateway->backends().backends.empty());
    auto c = client();
    EXPECT_EQ(c.reply(), "220 FTP proxy ready; send USER name@host.");
    EXPECT_EQ(c.code("USER anna"), "530");
    EXPECT_EQ(c.code("PASS x"), "503");
    EXPECT_EQ(c.code("QUIT"), "221");
    EXPECT_EQ(counters.logins_refused.load(), 0U);
}

TEST_F(GateForward, NeverLeadsToThisMachine) {
    const ftp_stub here{behaviour{}};
    start_proxy();
    const auto port = ':' + std::to_string(here.port());
    const auto own = ':' + std::to_string(gateway->endpoints().at(0).port);
    std::uint64_t refused = 0;
    for (const auto& server : {"127.0.0.1" + port, "localhost" + port, "0.0.0.0" + port, "2130706433" + port,
                               std::string("169.254.169.254"), "127.0.0.1" + own}) {
        auto c = client();
        c.reply();
        EXPECT_EQ(c.code("USER anna@" + server), "331") << server;
        EXPECT_EQ(c.ask("PASS x"), "530 Login incorrect.") << server;
        ++refused;
        EXPECT_EQ(counters.logins_refused.load(), refused);
    }
    EXPECT_TRUE(here.commands().empty());
}

TEST_F(GateForward, LeavesTheBackendsToNamesAlone) {
    const ftp_stub backend{behaviour{}};
    start_proxy({at(backend.port())});
    auto c = client();
    EXPECT_EQ(c.reply(), "220 FTP service ready.");
    EXPECT_EQ(c.code("USER anna@127.0.0.1"), "331");
    EXPECT_EQ(c.ask("PASS x"), "530 Login incorrect.");
    c.send_password("anna", "secret");
    const auto seen = backend.commands();
    ASSERT_GE(seen.size(), 2U);
    EXPECT_EQ(seen[0], "USER anna");
    EXPECT_EQ(seen[1], "PASS secret");
}

TEST_F(GateForward, PassthroughExcludesIt) {
    setup.forward_to.push_back(*parse_forward_rule("192.0.2.0/24"));
    setup.backends = {at(2121)};
    setup.backends[0].passthrough_range = {30000, 30009};
    setup.listen = {*endpoint::parse("127.0.0.1:0")};
    gateway = std::make_unique<gate>(loops, setup, counters);
    const auto started = gateway->start();
    ASSERT_FALSE(started);
    EXPECT_NE(started.error().what.find("--forward-to"), std::string::npos);
}

}  // namespace
}  // namespace sallyport::gate
