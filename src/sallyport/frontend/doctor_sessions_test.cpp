#include <sallyport/frontend/doctor_sessions.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::frontend {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

doctor_user anna(std::string_view address = "192.0.2.1") { return {*ip_address::parse(address), "", "anna"}; }

proto::site_doctor_session at_port(std::uint16_t port) {
    return {.peer = {*ip_address::parse("192.0.2.1"), port}, .negotiated = "229 x", .data = {}};
}

// D6, CL-08
TEST(DoctorSessions, AreShownToTheSameUserAtTheSameAddress) {
    doctor_sessions all;
    doctor_sessions::entry one(all);
    one.publish(anna(), at_port(1));
    EXPECT_THAT(one.others(), IsEmpty());
    {
        doctor_sessions::entry two(all);
        EXPECT_THAT(two.others(), IsEmpty());
        two.publish(anna(), at_port(2));
        EXPECT_THAT(two.others(), ElementsAre(at_port(1)));
        EXPECT_THAT(one.others(), ElementsAre(at_port(2)));
        two.publish(anna(), at_port(3));
        EXPECT_THAT(one.others(), ElementsAre(at_port(3)));
    }
    EXPECT_THAT(one.others(), IsEmpty());
}

TEST(DoctorSessions, AreNotShownToOthers) {
    doctor_sessions all;
    doctor_sessions::entry one(all);
    one.publish(anna(), at_port(1));
    doctor_sessions::entry other(all);
    const auto expect_nothing_shown = [&](const doctor_user& user) {
        other.publish(user, at_port(2));
        EXPECT_THAT(other.others(), IsEmpty());
        EXPECT_THAT(one.others(), IsEmpty());
    };
    expect_nothing_shown(anna("192.0.2.2"));
    auto at_another_server = anna();
    at_another_server.backend = "other";
    expect_nothing_shown(at_another_server);
    auto user = anna();
    user.name = "bob";
    expect_nothing_shown(user);
    other.publish(anna(), at_port(2));
    other.withdraw();
    EXPECT_THAT(one.others(), IsEmpty());
}

TEST(DoctorSessions, AnonymousLoginsAreNoSameUser) {
    doctor_sessions all;
    doctor_sessions::entry one(all);
    doctor_sessions::entry other(all);
    auto user = anna();
    for (const auto* name : {"anonymous", "ftp", "anonymous@ftp.example.org", ""}) {
        user.name = name;
        one.publish(user, at_port(1));
        other.publish(user, at_port(2));
        EXPECT_THAT(other.others(), IsEmpty()) << name;
    }
}

}  // namespace
}  // namespace sallyport::frontend
