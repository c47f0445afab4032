#include <sallyport/diagnosis/server_watch.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sallyport/diagnosis/test_facts.hpp>

namespace sallyport::diagnosis {
namespace {

using proto::data_method;
using testing::Contains;
using testing::HasSubstr;
using enum connection_state;

endpoint at(std::string_view text) { return *endpoint::parse(text); }

server_watch watch_with(std::vector<watched_connection> more) {
    server_watch out{.started = 1700000000, .ms = 9000};
    out.add(at("198.51.100.7:21"), at("203.0.113.200:4000"), established, 10);
    for (const auto& c : more) out.add(c.local, c.remote, c.state, c.ms);
    return out;
}

facts blocked_session(method_result how = method_result::silent) {
    auto out = opened_session();
    out.methods.push_back(attempt(data_method::epsv, how));
    return out;
}

TEST(ServerWatch, KeepsTheBestStateOfAConnection) {
    server_watch seen;
    seen.add(at("198.51.100.7:50000"), at("203.0.113.200:4001"), half_open, 5);
    seen.add(at("198.51.100.7:50000"), at("203.0.113.200:4001"), established, 6);
    seen.add(at("198.51.100.7:50000"), at("203.0.113.200:4001"), half_open, 7);
    ASSERT_EQ(seen.connections.size(), 1U);
    EXPECT_EQ(seen.connections[0].state, established);
    EXPECT_EQ(seen.connections[0].ms, 5);
}

TEST(ServerWatch, IsReadAsItIsWritten) {
    const auto written = watch_with({{at("[2001:db8::1]:50000"), at("[2001:db8::2]:4001"), half_open, 20}});
    const auto read = server_watch_from_json(to_json(written));
    ASSERT_TRUE(read);
    EXPECT_EQ(to_json(*read), to_json(written));
    for (
        const char* wrong :
        {"", "{}", "[1]", R"({"sallyport_doctor_watch":2})", R"({"sallyport_doctor_watch":1,"started":1,"ms":1})",
         R"({"sallyport_doctor_watch":1,"started":1,"ms":1,"connections":[{}]})",
         R"({"sallyport_doctor_watch":1,"started":-1,"ms":1,"connections":[]})",
         R"({"sallyport_doctor_watch":1,"started":1,"ms":1,"connections":[{"local":"1.2.3.4:5","remote":"x","state":"half-open","ms":1}]})"})
        EXPECT_FALSE(server_watch_from_json(wrong)) << wrong;
}

TEST(Join, D2_FilesOfDifferentTimesAreRefused) {
    auto client = blocked_session();
    const auto server = watch_with({});
    // Two clocks may differ by some minutes.
    for (const auto start : {server.started - 200, server.started, server.started + 200}) {
        client.times.started = start;
        client.times.ended = start + 5;
        EXPECT_TRUE(join(client, server)) << start;
    }
    for (const auto start : {server.started - 400, server.started + 400}) {
        client.times.started = start;
        client.times.ended = start + 5;
        const auto found = join(client, server);
        ASSERT_FALSE(found) << start;
        EXPECT_THAT(found.error().what, HasSubstr("2023-11-14 22:13:20 UTC to 2023-11-14 22:13:29 UTC"));
        EXPECT_THAT(found.error().what, HasSubstr(start < server.started ? "22:06:40 UTC" : "22:20:00 UTC"));
    }
    client.times.started = client.times.ended = 0;
    EXPECT_TRUE(join(client, server)) << "times unknown";
}

// D2
TEST(Join, D2_AHalfOpenConnectionMeansThatTheAnswerIsLost) {
    const auto found =
        join(blocked_session(), watch_with({{at("198.51.100.7:50000"), at("203.0.113.200:4001"), half_open, 20}}));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->front().id, "answers-lost");
    EXPECT_EQ(found->front().confidence, confidence::certain);
    EXPECT_EQ(std::ranges::count(*found, "data-ports-dropped", &verdict::id), 0);
}

// Every router answers on both paths, and the server on that to the control port only.
facts lost_after_last_router(unsigned distance) {
    auto out = blocked_session();
    for (const bool control : {true, false}) {
        path_trace trace{.control = control, .to = {out.server.address, control ? out.server.port : std::uint16_t{50000}}};
        for (unsigned hop = 1; hop < distance; ++hop)
            trace.answers.push_back({.ttl = hop, .what = hop_answer::expired, .from = hop_address(hop)});
        trace.answers.push_back({.ttl = distance, .what = control ? hop_answer::opened : hop_answer::none});
        out.traces.push_back(trace);
    }
    return out;
}

TEST(Join, TheOnlyRouterMayBelongToEitherSide) {
    const auto found = join(lost_after_last_router(2), watch_with({}));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->front().id, "data-ports-dropped");
    EXPECT_NE(found->front().side, side::server);
}

TEST(Join, D2_WithoutASynAtTheServerItsSideIsLikely) {
    const auto session = lost_after_last_router(test_distance);
    const auto alone = judge(session);
    ASSERT_EQ(alone.front().id, "data-ports-dropped");
    ASSERT_NE(alone.front().side, side::server);
    const auto found = join(session, watch_with({}));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->front().id, "data-ports-dropped");
    EXPECT_EQ(found->front().side, side::server);
    EXPECT_EQ(found->front().confidence, confidence::likely) << "a router may translate port numbers";
    EXPECT_THAT(found->front().evidence, Contains(HasSubstr("no SYN to port 50000 has arrived")));
}

TEST(Join, AConnectionOfAnotherClientSaysNothing) {
    const auto found =
        join(blocked_session(), watch_with({{at("198.51.100.7:50000"), at("192.0.2.99:4001"), half_open, 20}}));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->front().id, "data-ports-dropped");
}

TEST(Join, AHalfOpenConnectionToAnotherPortMayBeATranslatedOne) {
    const auto found =
        join(blocked_session(), watch_with({{at("198.51.100.7:60000"), at("203.0.113.200:4001"), half_open, 20}}));
    ASSERT_TRUE(found);
    EXPECT_EQ(std::ranges::count(*found, "answers-lost", &verdict::id), 1);
    EXPECT_NE(found->front().confidence, confidence::certain);
}

TEST(Join, RefusesAWatchOfAnotherServerOrTime) {
    const auto found = join(blocked_session(), server_watch{});
    ASSERT_FALSE(found);
    EXPECT_THAT(found.error().what, HasSubstr("no control connection to port 21 was seen"));
}

TEST(Join, ActiveModeShowsWhetherTheServerHasTried) {
    auto session = opened_session();
    session.methods.push_back(attempt(data_method::port, method_result::silent, false, 4100));
    const auto idle = join(session, watch_with({}));
    ASSERT_TRUE(idle);
    EXPECT_EQ(idle->front().id, "active-blocked");
    EXPECT_EQ(idle->front().side, side::server);
    const auto tried = join(session, watch_with({{at("198.51.100.7:20"), at("203.0.113.200:4100"), connecting, 20}}));
    ASSERT_TRUE(tried);
    EXPECT_THAT(tried->front().evidence, Contains(HasSubstr("has sent SYNs to 203.0.113.200:4100")));
}

}  // namespace
}  // namespace sallyport::diagnosis
