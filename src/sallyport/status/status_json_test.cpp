#include <sallyport/status/status_json.hpp>

#include <gtest/gtest.h>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

namespace sallyport::status {
namespace {

using namespace std::chrono_literals;

namespace json = boost::json;

[[nodiscard]] endpoint at(const char* text) { return *endpoint::parse(text); }

TEST(StatusJson, NamesTheDaemonAndEveryCounter) {
    daemon_snapshot d{.name = "sallyport serve", .pid = 17, .uptime = 90s, .listening = {at("192.0.2.1:21")}};
    d.counted.bytes_sent = 4096;
    d.counted.unexpected_peers = 3;
    const auto out = status_json(d);
    EXPECT_EQ(out.at("name"), "sallyport serve");
    EXPECT_EQ(out.at("pid"), 17);
    EXPECT_EQ(out.at("uptime_seconds"), 90);
    EXPECT_EQ(out.at("listening"), json::array{"192.0.2.1:21"});
    EXPECT_EQ(out.at("totals").at("bytes_sent"), 4096);
    EXPECT_EQ(out.at("rejected").at("unexpected_peer"), 3);
    // log_lines_lost is counted by the log.
    EXPECT_EQ(out.at("totals").get_object().size() + out.at("rejected").get_object().size() +
                  out.at("openings_refused").get_object().size(),
              counter_table().size() + 1);
    EXPECT_FALSE(out.contains("backends")) << "a server has none";
}

TEST(StatusJson, ShowsBackends) {
    daemon_snapshot d;
    d.backends = pool_snapshot{.backends = {{.name = "ftp://10.0.0.1:21",
                                             .state = "active",
                                             .health = "down",
                                             .reason = "refused\r\n",
                                             .since = 2500ms,
                                             .weight = 4,
                                             .weight_factor = 0.5,
                                             .sessions = 1,
                                             .sessions_max = 10,
                                             .sessions_total = 7,
                                             .response = 30ms},
                                            {.name = "ftp://10.0.0.2:21", .state = "removed", .health = "up", .reason = {}}},
                               .queued = 2};
    const auto out = status_json(d);
    EXPECT_EQ(out.at("queued"), 2);
    EXPECT_EQ(json::serialize(out.at("backends").at(0)),
              R"({"name":"ftp://10.0.0.1:21","state":"active","health":"down","reason":"refused\\x0d\\x0a",)"
              R"("since_seconds":2.5E0,"weight":4,"weight_factor":5E-1,"sessions":1,"sessions_max":10,"sessions_total":7,)"
              R"("response_seconds":3E-2})");
    EXPECT_TRUE(out.at("backends").at(1).at("reason").is_null());
    EXPECT_TRUE(out.at("backends").at(1).at("since_seconds").is_null());
}

TEST(StatusJson, ShowsPortMappings) {
    daemon_snapshot d;
    d.mappings = {{.local_port = 21, .external = at("5.9.1.1:2121"), .by = "pcp", .remaining = 1800s},
                  {.local_port = 30000, .is_v6 = true, .error = "not authorized (PCP result 2)"}};
    const auto out = status_json(d).at("port_mappings");
    EXPECT_EQ(
        json::serialize(out.at(0)),
        R"({"local_port":21,"family":"ipv4","external":"5.9.1.1:2121","by":"pcp","remaining_seconds":1800,"error":null})");
    EXPECT_EQ(out.at(1).at("family"), "ipv6");
    EXPECT_TRUE(out.at(1).at("external").is_null());
    EXPECT_TRUE(out.at(1).at("remaining_seconds").is_null());
    EXPECT_EQ(out.at(1).at("error"), "not authorized (PCP result 2)");
}

TEST(StatusJson, ShowsSessionsWithTransferAndOpenings) {
    session_report busy{.id = "a-1", .client = at("192.0.2.7:4000"), .user = "bob\n", .logged_in = true};
    busy.client_destination = at("198.51.100.1:21");
    busy.advertised = at("198.51.100.1:30000");
    busy.backend = "ftp://10.0.0.1:21";
    busy.client_tls = "TLSv1.3";
    busy.age = 1500ms;
    busy.transfer = running_transfer{.verb = "STOR",
                                     .path = "/a\x01",
                                     .upload = true,
                                     .client_method = "EPSV",
                                     .backend_method = "PASV",
                                     .data_path = "relay",
                                     .bytes = 1000,
                                     .age = 500ms};
    session_report idle{.id = "a-2", .client = at("192.0.2.8:4000"), .user = {}};
    idle.idle = 3s;
    idle.openings = {{.backend_leg = false, .port = 30000, .peer = at("192.0.2.8:1").address, .expires_in = {}},
                     {.backend_leg = true,
                      .port = 30001,
                      .peer = at("10.0.0.1:1").address,
                      .expires_in = 29500ms,
                      .forwarded_to = at("192.0.2.8:5000"),
                      .age = 500ms,
                      .attempted = true}};
    const auto out = status_json({.name = {}, .listening = {}, .sessions = {.sessions = {busy, idle}, .complete = false}});
    EXPECT_EQ(out.at("complete"), false);
    const auto& first = out.at("sessions").at(0);
    EXPECT_EQ(first.at("user"), "bob\\x0a");
    EXPECT_EQ(first.at("client_tls"), "TLSv1.3");
    EXPECT_EQ(first.at("client_destination"), "198.51.100.1:21");
    EXPECT_EQ(first.at("advertised"), "198.51.100.1:30000");
    EXPECT_TRUE(first.at("backend_tls").is_null());
    EXPECT_EQ(first.at("age_seconds"), 1.5);
    const auto& transfer = first.at("transfer");
    EXPECT_EQ(transfer.at("path"), "/a\\x01");
    EXPECT_EQ(transfer.at("direction"), "upload");
    EXPECT_EQ(transfer.at("client_method"), "EPSV");
    EXPECT_EQ(transfer.at("backend_method"), "PASV");
    EXPECT_EQ(transfer.at("data_path"), "relay");
    EXPECT_EQ(transfer.at("bytes_per_second"), 2000.0);
    EXPECT_EQ(transfer.at("age_seconds"), 0.5);
    const auto& second = out.at("sessions").at(1);
    EXPECT_TRUE(second.at("transfer").is_null());
    EXPECT_TRUE(second.at("advertised").is_null());
    EXPECT_EQ(second.at("idle_seconds"), 3.0);
    EXPECT_EQ(json::serialize(second.at("openings")),
              R"([{"leg":"client","port":30000,"peer":"192.0.2.8","expires_in_seconds":null,"forwarded_to":null,)"
              R"("age_seconds":null,"attempted":false},)"
              R"({"leg":"backend","port":30001,"peer":"10.0.0.1","expires_in_seconds":2.95E1,)"
              R"("forwarded_to":"192.0.2.8:5000","age_seconds":5E-1,"attempted":true}])");
}

TEST(StatusJson, HasNoRateForDirectDataConnections) {
    session_report s{.id = "a-1", .client = {}, .user = {}};
    s.transfer = running_transfer{.verb = "RETR", .path = "/a", .client_method = "EPSV", .data_path = "kernel"};
    const auto out = status_json({.name = {}, .listening = {}, .sessions = {.sessions = {s}}});
    EXPECT_TRUE(out.at("sessions").at(0).at("transfer").at("bytes_per_second").is_null());
}

TEST(StatusJson, ShowsPenaltiesOfIPv6ByNetwork) {
    const auto out = status_json({.name = {},
                                  .listening = {},
                                  .penalties = {{.source = *ip_address::parse("2001:db8::"), .remaining = 7s},
                                                {.source = *ip_address::parse("192.0.2.1"), .remaining = 8s}}});
    EXPECT_EQ(json::serialize(out.at("login_penalties")),
              R"([{"source":"2001:db8::/64","remaining_seconds":7},{"source":"192.0.2.1","remaining_seconds":8}])");
}

}  // namespace
}  // namespace sallyport::status
