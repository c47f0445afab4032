#include <sallyport/diagnosis/joined_sessions.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sallyport/diagnosis/test_facts.hpp>

namespace sallyport::diagnosis {
namespace {

using proto::data_method;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

/// With one attempt, in a capture that is `hops` away from the server.
facts captured(method_result how, unsigned hops, unsigned syns, unsigned syn_acks, unsigned refusals = 0) {
    auto out = opened_session();
    out.captured = control_facts{4711U, 64 - hops, {50000}};
    out.times = {1700000000, 1700000010};
    out.methods.push_back(attempt(data_method::epsv, how));
    out.methods.back().packets = packet_facts{.syns = syns, .syn_acks = syn_acks, .refusals = refusals};
    return out;
}

facts logged(std::uint16_t client_port = 40000) {
    auto out = opened_session();
    out.seen_from = vantage::server;
    out.client.port = client_port;
    out.times = {1700000100, 1700000110};
    out.methods.push_back(attempt(data_method::epsv, method_result::silent));
    out.methods.back().reply_code = 425;
    out.methods.back().reply = "425 Can't open data connection.";
    return out;
}

std::vector<verdict> joined(facts client, const facts& server) {
    EXPECT_TRUE(is_nearer_to_server(client, server));
    add_server_view(client, server);
    return judge_both(client, server);
}

// D3
TEST(JoinedSessions, D3_CapturesAreOfOneSessionByTheSequenceNumberOfItsSyn) {
    const auto client = captured(method_result::silent, 4, 3, 0);
    auto server = captured(method_result::silent, 0, 0, 0);
    server.client = *endpoint::parse("203.0.113.200:61000");
    EXPECT_THAT(same_sessions(std::vector{client}, std::vector{server}), ElementsAre(Pair(0U, 0U)));
    server.captured->client_sequence = 4712;
    EXPECT_THAT(same_sessions(std::vector{client}, std::vector{server}), IsEmpty());
    EXPECT_FALSE(is_nearer_to_server(server, client));
}

TEST(JoinedSessions, D3_ALogIsOfTheSameSessionByAddressesAndTime) {
    const auto capture = captured(method_result::silent, 4, 3, 0);
    const auto match = [&](const facts& log) { return same_sessions(std::vector{capture}, std::vector{log}).size(); };
    EXPECT_EQ(match(logged()), 1U);
    EXPECT_EQ(match(logged(0)), 1U) << "a log without ports";
    EXPECT_EQ(match(logged(40001)), 0U) << "another session";
    auto other = logged();
    other.times = {1700001000, 1700001010};
    EXPECT_EQ(match(other), 0U) << "another time";
    other.times = {};
    EXPECT_EQ(match(other), 1U) << "time unknown";
    other.client = *endpoint::parse("203.0.113.9:5");
    EXPECT_EQ(match(other), 1U) << "NAT";
    other.server = *endpoint::parse("198.51.100.8:21");
    EXPECT_EQ(match(other), 0U) << "other addresses";
}

TEST(JoinedSessions, D3_TheRightOneOfSeveralHasTheSamePorts) {
    auto first = logged();
    first.client = *endpoint::parse("203.0.113.9:5");
    first.methods.back() = attempt(data_method::epsv, method_result::ok, false, 50009);
    auto second = first;
    second.client.port = 6;
    second.methods.back() = attempt(data_method::epsv, method_result::silent);
    const auto capture = captured(method_result::silent, 4, 3, 0);
    EXPECT_THAT(same_sessions(std::vector{capture}, std::vector{first, second}), ElementsAre(Pair(0U, 1U)));
    // The same port again and again: the nearest one in time.
    first.methods.back() = attempt(data_method::epsv, method_result::ok);
    second.times = {1700000003, 1700000004};
    EXPECT_THAT(same_sessions(std::vector{capture}, std::vector{first, second}), ElementsAre(Pair(0U, 1U)));
    first.methods.back() = attempt(data_method::epsv, method_result::ok, false, 50009);
    second.methods.back() = attempt(data_method::epsv, method_result::ok, false, 50008);
    EXPECT_THAT(same_sessions(std::vector{capture}, std::vector{first, second}), IsEmpty());
}

TEST(JoinedSessions, D3_SynThatDoesNotArrive) {
    auto server = captured(method_result::silent, 0, 0, 0);
    for (const bool has_command : {true, false}) {
        if (!has_command) server.methods.clear();
        const auto found = joined(captured(method_result::silent, 4, 3, 0), server).front();
        EXPECT_EQ(found.id, "data-ports-dropped");
        EXPECT_EQ(found.confidence, confidence::likely);
        EXPECT_THAT(found.evidence, Contains(HasSubstr("is not in the capture nearer to the server")));
    }
    // It has begun too late.
    server.captured->named_ports.clear();
    const auto found = joined(captured(method_result::silent, 4, 3, 0), server).front();
    EXPECT_EQ(found.confidence, confidence::possible);
}

TEST(JoinedSessions, D3_AnswerThatIsLost) {
    const auto found = joined(captured(method_result::silent, 4, 3, 0), captured(method_result::silent, 0, 3, 3)).front();
    EXPECT_EQ(found.id, "answers-lost");
    EXPECT_EQ(found.confidence, confidence::certain);
}

TEST(JoinedSessions, D3_SynThatArrivesAndGetsNoAnswer) {
    const auto found = joined(captured(method_result::silent, 4, 3, 0), captured(method_result::silent, 0, 3, 0)).front();
    EXPECT_EQ(found.id, "data-ports-dropped");
    EXPECT_EQ(found.side, side::server);
}

TEST(JoinedSessions, D3_WhoRefuses) {
    auto found = joined(captured(method_result::refused, 4, 1, 0, 1), captured(method_result::refused, 0, 1, 0, 1)).front();
    EXPECT_EQ(found.id, "data-ports-refused");
    EXPECT_EQ(found.side, side::server);
    found = joined(captured(method_result::refused, 4, 1, 0, 1), captured(method_result::silent, 0, 0, 0)).front();
    EXPECT_THAT(found.evidence, Contains(HasSubstr("a device between")));
}

TEST(JoinedSessions, D3_RewrittenPort) {
    auto server = captured(method_result::ok, 0, 1, 1);
    server.methods.back() = attempt(data_method::epsv, method_result::ok, false, 50009);
    const auto found = joined(captured(method_result::ok, 4, 1, 1), server).front();
    EXPECT_EQ(found.id, "address-rewritten");
    EXPECT_EQ(found.confidence, confidence::certain);
}

TEST(JoinedSessions, D3_TheLogHasTheReply) {
    const auto found = joined(captured(method_result::silent, 4, 3, 0), logged()).front();
    EXPECT_EQ(found.id, "data-ports-dropped");
    EXPECT_THAT(found.evidence, Contains(HasSubstr("the server's log: 425")));
}

TEST(JoinedSessions, D3_ActiveMode) {
    auto client = opened_session();
    client.captured = control_facts{4711U, 60U, {50000}};
    client.methods.push_back(attempt(data_method::eprt, method_result::silent));
    auto server = client;
    server.captured->server_ttl = 64;
    server.methods.back().packets = packet_facts{.syns = 3};
    auto found = joined(client, server).front();
    EXPECT_EQ(found.id, "active-blocked");
    EXPECT_THAT(found.evidence, Contains(HasSubstr("is not in the capture nearer to the client")));
    client.methods.back().packets = packet_facts{.syns = 3, .syn_acks = 3};
    EXPECT_EQ(joined(client, server).front().id, "answers-lost");
    client.methods.back().packets = packet_facts{.syns = 3};
    EXPECT_EQ(joined(client, server).front().side, side::client);
    server.methods.back().packets.reset();
    client.methods.back().packets.reset();
    EXPECT_EQ(joined(client, server).front().side, side::server);
}

// A healthy session in both.
TEST(JoinedSessions, D3_NothingWhereAllIsWell) {
    EXPECT_THAT(joined(captured(method_result::ok, 4, 1, 1), captured(method_result::ok, 0, 1, 1)), IsEmpty());
}

}  // namespace
}  // namespace sallyport::diagnosis
