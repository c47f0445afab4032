// What a gateway reports of data connections with clients that failed (S7), and SITE DOCTOR (D6).

#include <sallyport/gate/gate_test.hpp>

#include <gmock/gmock.h>

#include <support/free_ports.hpp>

namespace sallyport::gate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class GateFailedData : public gate_test {
protected:
    /// "data-ports-dropped 1", the most recent one first; on the backend leg also the backend's address.
    [[nodiscard]] std::vector<std::string> counted() const {
        std::vector<std::string> out;
        for (const auto& each : gateway->failed_data_connections())
            out.push_back(fmt::format("{} {}{}", each.id, each.count, each.on_backend_leg ? " at " + each.network : ""));
        return out;
    }

    /// After one transfer, which gets 425.
    [[nodiscard]] std::vector<std::string> counted_at(testing::behaviour how, proto::backend_data_mode mode) {
        ftp_stub stub(std::move(how));
        setup.data_timeout = 1s;
        setup.backend_data_mode = mode;
        start({at(stub.port())});
        auto c = logged_in();
        auto data = c.passive();
        c.control.send("RETR file\r\n");
        EXPECT_THAT(c.reply(), StartsWith("425 "));
        auto out = counted();
        stop();
        return out;
    }
};

TEST_F(GateFailedData, S7_CountsEachByItsCause) {
    ftp_stub stub({});
    setup.data_timeout = 1s;
    start({at(stub.port())});
    auto c = logged_in();
    EXPECT_EQ(c.download("RETR file").size(), 420U);
    EXPECT_THAT(counted(), IsEmpty());

    (void)c.passive_port();
    c.control.send("STOR up\r\n");
    EXPECT_THAT(c.reply(), StartsWith("425 "));
    EXPECT_THAT(counted(), ElementsAre("data-ports-dropped 1"));

    (void)c.passive_port();
    (void)c.passive_port("PASV");
    EXPECT_THAT(counted(), ElementsAre("data-ports-refused 1", "data-ports-dropped 1"));

    // The PASV is left, too.
    EXPECT_EQ(c.code(fmt::format("EPRT |1|127.0.0.1|{}|", testing::refused_port())), "200");
    EXPECT_THAT(counted(), ElementsAre("data-ports-refused 2", "data-ports-dropped 1"));
    c.control.send("RETR file\r\n");
    EXPECT_THAT(c.reply(), StartsWith("425 "));
    EXPECT_EQ(counted().front(), "active-blocked 1");

    EXPECT_EQ(c.code("PORT 192,168,1,2,100,10"), "504");
    EXPECT_EQ(counted().front(), "active-private-address 1");
}

TEST_F(GateFailedData, S7_CountsThoseOfTheBackendLegByItsAddress) {
    using enum proto::backend_data_mode;
    using testing::data_port;
    EXPECT_THAT(counted_at({.epsv_port = data_port::refuses}, epsv), ElementsAre("data-ports-refused 1 at 127.0.0.1"));
    EXPECT_THAT(counted_at({.pasv_port = data_port::silent}, pasv), ElementsAre("data-ports-dropped 1 at 127.0.0.1"));
    const std::string never(testing::stay_silent);
    EXPECT_THAT(counted_at({.replies = {{"RETR", never}}}, port), ElementsAre("active-blocked 1 at 127.0.0.1"));
    EXPECT_THAT(counted_at({.replies = {{"RETR", "425 no way"}}}, eprt), ElementsAre("active-blocked 1 at 127.0.0.1"));
    // Nothing has failed yet.
    EXPECT_THAT(counted_at({.replies = {{"RETR", "425 PROT P first"}}}, epsv), IsEmpty());
}

TEST_F(GateFailedData, D6_AnswersSiteDoctorItself) {
    ftp_stub stub({});
    setup.site_doctor = true;
    start({at(stub.port())});
    auto before = client();
    (void)before.reply();
    EXPECT_EQ(before.code("SITE DOCTOR"), "530");
    auto c = logged_in();
    EXPECT_THAT(c.ask("SITE DOCTOR"), StartsWith("211-Doctor"));
    EXPECT_THAT(c.ask("SITE DOCTOR"), ::testing::Not(HasSubstr(" negotiated ")));
    const auto port = c.passive_port();
    EXPECT_THAT(c.ask("SITE DOCTOR"), HasSubstr(" negotiated "));
    auto data = blocking_socket::connect(port);
    EXPECT_TRUE(eventually([&] { return c.ask("SITE DOCTOR").contains(" source "); }));
}

TEST_F(GateFailedData, ForwardsSiteDoctorByDefault) {
    ftp_stub stub({});
    start({at(stub.port())});
    auto c = logged_in();
    EXPECT_THAT(c.ask("SITE DOCTOR"), ::testing::Not(HasSubstr("Doctor")));
}

}  // namespace
}  // namespace sallyport::gate
