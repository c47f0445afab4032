// Commands of the client that need no data connection.

#include <gtest/gtest.h>

#include <sallyport/proto/client_machine.hpp>
#include <sallyport/proto/client_play.hpp>

namespace sallyport::proto {
namespace {

TEST(client_request, any_final_reply_is_an_outcome) {
    play p;
    p.log_in().machine.begin_request(verb::cwd, "a b");
    p.run({"> CWD a b", "< 250 ok", "* done"});
    EXPECT_FALSE(p.machine.failure());
    EXPECT_EQ(p.machine.last_reply().code, 250);
    p.machine.begin_request(verb::mlst, "x");
    p.run({"> MLST x", "< 250-Listing", "<  type=file; x", "< 250 End", "* done"});
    EXPECT_EQ(p.machine.last_reply().lines.size(), 3U);
    p.machine.begin_request(verb::pwd, {});
    p.run({"> PWD", "< 550 no", "* done"});
    EXPECT_FALSE(p.machine.failure());
    EXPECT_EQ(p.machine.last_reply().code, 550);
    EXPECT_TRUE(p.machine.usable());
}

TEST(client_request, a_lost_connection_and_a_421_are_failures) {
    for (const auto* end : {"* lost", "* silence", "< 421 bye"}) {
        play p;
        p.log_in().machine.begin_request(verb::mdtm, "x");
        p.run({"> MDTM x", end, "* done"});
        EXPECT_EQ(p.failure().at, client_step::request) << end;
        EXPECT_FALSE(p.machine.usable());
        p.machine.begin_request(verb::cwd, "y");
        p.run({"* done"});
        EXPECT_EQ(p.failure().cause.code, errc::closed);
    }
}

TEST(client_request, CL_02_an_argument_can_not_hold_another_command) {
    for (const auto* bad : {"a\r\nDELE b", "a\nb", "a\rb"}) {
        play p;
        p.log_in().machine.begin_request(verb::cwd, bad);
        p.run({"* done"});
        EXPECT_EQ(p.failure().cause.code, errc::name_invalid);
        EXPECT_TRUE(p.machine.usable());
    }
}

}  // namespace
}  // namespace sallyport::proto
