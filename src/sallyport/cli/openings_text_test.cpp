// The openings of a running gateway.

#include <sallyport/cli/openings_text.hpp>

#include <gtest/gtest.h>

#include <sallyport/status/status_json.hpp>

namespace sallyport::cli {
namespace {

using namespace std::chrono_literals;

TEST(OpeningsText, NamesSessionPeersAndPort) {
    status::daemon_snapshot d{.name = "sallyport gate", .pid = 17, .uptime = 3h, .listening = {}};
    status::session_report s;
    s.id = "mx-1";
    s.client = *endpoint::parse("192.168.1.2:5000");
    s.backend = "ftp://203.0.113.5:21";
    s.openings = {{.backend_leg = true,
                   .port = 40000,
                   .peer = *ip_address::parse("203.0.113.5"),
                   .expires_in = 29s,
                   .forwarded_to = endpoint::parse("192.168.1.2:6000"),
                   .age = 1s,
                   .attempted = true},
                  {.backend_leg = false, .port = 30000, .peer = *ip_address::parse("192.168.1.2"), .expires_in = {}}};
    d.sessions.sessions.push_back(s);
    const auto all = openings_of(status::status_json(d));
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(
        line_of_opening(all[0].get_object()),
        "mx-1: active, session of 192.168.1.2:5000 with ftp://203.0.113.5:21: from 203.0.113.5 to port 40000, forwarded "
        "to 192.168.1.2:6000, 1 s old, attempted, 29 s left");
    EXPECT_EQ(
        line_of_opening(all[1].get_object()),
        "mx-1: passive, session of 192.168.1.2:5000 with ftp://203.0.113.5:21: from 192.168.1.2 to port 30000, accepted "
        "by the gateway, not used, until it is used");
}

}  // namespace
}  // namespace sallyport::cli
