// Reload of a running gateway (G6).

#include <sallyport/gate/gate_test.hpp>

namespace sallyport::gate {
namespace {

using GateReload = gate_test;

TEST_F(GateReload, NewSettingsApplyToNewSessionsOnly_G6) {
    ftp_stub stub({});
    start({at(stub.port())});
    auto old = logged_in();
    auto data = old.passive();
    auto wanted = setup;
    wanted.admission.max_sessions_per_address = 2;
    wanted.tls_required = false;
    wanted.idle_timeout = 1s;
    ASSERT_TRUE(reload(wanted));

    auto second = logged_in();  // the first one counts, although it started without a limit
    EXPECT_EQ(client().reply().substr(0, 3), "421");
    EXPECT_EQ(second.reply().substr(0, 3), "421") << "by the new idle timeout";
    EXPECT_EQ(old.code("RETR file"), "150");
    EXPECT_EQ(data.read_to_end().size(), 420U);
    EXPECT_EQ(old.reply(), "226 done");
}

TEST_F(GateReload, UpdatesBackendsAndRefusesInvalidSettings_G6) {
    ftp_stub stub({});
    start({at(stub.port())});
    auto wanted = setup;
    wanted.backends.clear();
    wanted.admission.max_sessions = 0;
    const auto refused = reload(wanted);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().text().find("needs at least one backend"), std::string::npos);
    EXPECT_EQ(logged_in().code("TYPE I"), "200");

    wanted = setup;
    wanted.backends.front().parameters.state = backend_state::maintenance;
    ASSERT_TRUE(reload(wanted));
    EXPECT_EQ(client().reply().substr(0, 3), "421");
}

}  // namespace
}  // namespace sallyport::gate
