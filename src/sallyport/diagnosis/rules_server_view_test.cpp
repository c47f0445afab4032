#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sallyport/diagnosis/test_facts.hpp>

namespace sallyport::diagnosis {
namespace {

using proto::data_method;
using testing::Contains;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

facts with(const method_facts& attempt) {
    auto out = opened_session();
    out.methods = {attempt};
    return out;
}

verdict only(const facts& known) {
    const auto found = judge(known);
    EXPECT_EQ(found.size(), 1U);
    return found.empty() ? verdict() : found.front();
}

// Symptom 9 (D6): SITE DOCTOR of the server.
TEST(rules_of_server_view, what_the_server_received_and_sent) {
    auto working = attempt(data_method::pasv, method_result::ok);
    working.seen_by_server = server_view{.peer = {address("203.0.113.200"), 4000},
                                         .negotiated = "227 Entering passive mode (198,51,100,7,195,80)",
                                         .source = std::nullopt,
                                         .others = {}};
    EXPECT_THAT(judge(with(working)), IsEmpty());
    working.seen_by_server->negotiated = "227 Entering passive mode (10,0,0,9,195,80)";
    EXPECT_EQ(only(with(working)).id, "address-rewritten");
    EXPECT_EQ(only(with(working)).severity, severity::note);
    EXPECT_EQ(only(with(working)).confidence, confidence::certain);

    auto blocked = attempt(data_method::epsv, method_result::silent);
    blocked.seen_by_server = working.seen_by_server;
    blocked.seen_by_server->negotiated = "229 Entering extended passive mode (|||50001|)";
    EXPECT_THAT(ids(judge(with(blocked))), UnorderedElementsAre("address-rewritten", "data-ports-dropped"));
    blocked.seen_by_server->negotiated = "229 Entering extended passive mode (|||50000|)";
    EXPECT_EQ(only(with(blocked)).id, "data-ports-dropped");
    blocked.seen_by_server->others = {address("203.0.113.201")};
    EXPECT_THAT(ids(judge(with(blocked))), Contains("other-source-address"));

    // A helper of the client's router.
    auto active = attempt(data_method::port, method_result::ok);
    active.seen_by_server = working.seen_by_server;
    active.seen_by_server->negotiated = "PORT 203,0,113,200,195,80";
    EXPECT_EQ(only(with(active)).id, "address-rewritten");
    EXPECT_EQ(only(with(active)).side, side::client);
    active.seen_by_server->negotiated = "PORT 192,168,1,2,195,80";
    EXPECT_THAT(judge(with(active)), IsEmpty());
}

}  // namespace
}  // namespace sallyport::diagnosis
