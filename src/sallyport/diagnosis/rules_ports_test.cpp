// Rules about data ports that the path decides about: proxies on it, ICMP, and TLS that hides the port.

#include <sallyport/diagnosis/rules.hpp>
#include <sallyport/diagnosis/test_facts.hpp>

namespace sallyport::diagnosis {
namespace {

using proto::data_method;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing::UnorderedElementsAre;

verdict only(const facts& known) {
    const auto found = judge(known);
    EXPECT_EQ(found.size(), 1) << testing::PrintToString(ids(found));
    return found.empty() ? verdict{} : found.front();
}

TEST(rules_ports, a_proxy_on_the_path_is_named) {
    auto known = opened_session();
    known.methods = {attempt(data_method::epsv, method_result::silent)};
    known.traces = {trace_to(true, 0, hop_answer::opened, 1), trace_to(false, 2)};
    known.compared.other_port = trace_to(false, test_distance - 1, hop_answer::refused, test_distance);
    const auto found = judge(known);
    ASSERT_THAT(ids(found), UnorderedElementsAre("control-intercepted", "data-ports-dropped"));
    for (const auto& each : found) EXPECT_EQ(each.hop->first, each.id == "control-intercepted" ? 1U : 2U) << each.id;
    known.methods.front().result = method_result::ok;
    EXPECT_EQ(only(known).severity, severity::note);
}

TEST(rules_ports, port_unreachable_of_the_server_is_no_policy) {
    auto known = opened_session();
    known.methods = {attempt(data_method::epsv, method_result::unreachable)};
    known.traces = {control_trace(), trace_to(false, test_distance - 1)};
    known.traces.back().answers.back() = {test_distance, hop_answer::unreachable, known.server.address, 3, 3};
    auto found = only(known);
    EXPECT_EQ(found.id, "data-ports-rejected");
    EXPECT_EQ(found.side, side::server);
    EXPECT_THAT(found.cause, HasSubstr("port is unreachable"));
    EXPECT_THAT(found.evidence, Contains(HasSubstr("port unreachable (type 3, code 3)")));
    known.traces.back().answers.back().icmp_code = 13;
    found = only(known);
    EXPECT_THAT(found.cause, HasSubstr("a device rejects"));
    EXPECT_THAT(found.evidence, Contains(HasSubstr("administratively prohibited (type 3, code 13)")));
}

TEST(rules_ports, blocked_ports_over_tls_alone_lead_to_a_session_without_tls) {
    auto known = opened_session();
    known.tls_mode = "explicit";
    known.methods = {attempt(data_method::epsv, method_result::silent, true)};
    EXPECT_THAT(only(known).remedy, HasSubstr("--also-plain"));
    known.methods.push_back(attempt(data_method::epsv, method_result::silent, false));
    EXPECT_THAT(only(known).remedy, Not(HasSubstr("--also-plain")));
}

}  // namespace
}  // namespace sallyport::diagnosis
