#include <sallyport/doctor/remedy_rules.hpp>

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sallyport/diagnosis/test_facts.hpp>

namespace sallyport::doctor {
namespace {

using diagnosis::hop_answer;
using diagnosis::method_result;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using enum proto::data_method;

/// The rules of the verdict with this id.
std::vector<std::string> rules_of(const std::vector<diagnosis::verdict>& found, std::string_view id) {
    const auto at = std::ranges::find(found, id, &diagnosis::verdict::id);
    return at == found.end() ? std::vector<std::string>{"no such verdict"} : at->rules;
}

/// Passive mode ends after the last hop that answers.
diagnosis::facts blocked_after(unsigned last) {
    auto out = diagnosis::opened_session();
    out.methods = {diagnosis::attempt(epsv, method_result::silent),
                   diagnosis::attempt(pasv, method_result::silent, false, 50007)};
    out.traces = {diagnosis::control_trace(), diagnosis::trace_to(false, last)};
    return out;
}

// S10, D1: the remedy of a verdict can be pasted.
TEST(RemedyRules, LetTheClientOutToAllPortsOfTheServer) {
    const auto found = diagnose(blocked_after(0));
    EXPECT_THAT(rules_of(found, "data-ports-dropped"),
                ElementsAre("insert rule inet filter output ip daddr 198.51.100.7 tcp dport 1024-65535 accept comment "
                            "\"FTP passive data connections\""));
}

TEST(RemedyRules, AreNotForARouterThatIsNotKnown) {
    EXPECT_THAT(rules_of(diagnose(blocked_after(2)), "data-ports-dropped"), IsEmpty());
}

TEST(RemedyRules, OfTheServersSideHaveItsPorts) {
    const auto known = blocked_after(4);
    const auto found = diagnose(known);
    ASSERT_FALSE(found.empty());
    EXPECT_THAT(found.front().rules, IsEmpty()) << "a client sees some of the server's ports";
    const auto needs = needs_for(found.front(), known, true, {30000, 30099});
    ASSERT_TRUE(needs);
    EXPECT_EQ(needs->host, known.server.address);
    EXPECT_EQ(needs->connections.at(0).to.at(0), (port_range{30000, 30099}));
    EXPECT_TRUE(needs->connections.at(0).is_incoming());
    const auto without_ports = needs_for(found.front(), known, true, {});
    ASSERT_TRUE(without_ports);
    EXPECT_THAT(without_ports->connections, IsEmpty());
}

TEST(RemedyRules, OfActiveModeNameThePortBelowTheControlPort) {
    auto known = diagnosis::opened_session();
    known.server.port = 2121;
    known.methods = {diagnosis::attempt(port, method_result::refused)};
    EXPECT_THAT(rules_of(diagnose(known), "active-blocked"),
                ElementsAre("insert rule inet filter input ip saddr 198.51.100.7 tcp sport 2120 tcp dport 1024-65535 accept "
                            "comment \"FTP active data connections\""));
}

TEST(RemedyRules, RemoveNoOtherCauses) {
    auto known = diagnosis::opened_session();
    known.methods = {diagnosis::attempt(epsv, method_result::verb_refused),
                     diagnosis::attempt(pasv, method_result::verb_refused)};
    for (const auto& each : diagnose(known)) EXPECT_THAT(each.rules, IsEmpty()) << each.id;
}

TEST(RemedyRules, OpenThePortsOfTheOwnConfiguration) {
    diagnosis::server_facts known{.program = "vsftpd", .control_ports = {21, 990}, .passive_ports = {30000, 30009}};
    known.max_sessions = 5;
    known.host.blocked = {diagnosis::blocked_range{.ports = {22, 65535}, .place = "a", .rule = "b"}};
    EXPECT_THAT(rules_of(diagnose(known), "own-firewall-blocks"),
                ElementsAre("insert rule inet filter input tcp dport { 21, 990 } accept comment \"FTP control connections\"",
                            "insert rule inet filter input tcp dport 30000-30009 accept comment "
                            "\"FTP passive data connections\""));
}

// A Service of Kubernetes has no ranges, so the list is made (symptom 36).
TEST(RemedyRules, PublishTheRange) {
    diagnosis::server_facts known{.passive_ports = {30000, 30002}, .publisher = diagnosis::port_publisher::kubernetes};
    EXPECT_THAT(rules_of(diagnose(known), "published-ports-missing"),
                ElementsAre("- {name: passive-30000, port: 30000, targetPort: 30000, protocol: TCP}",
                            "- {name: passive-30001, port: 30001, targetPort: 30001, protocol: TCP}",
                            "- {name: passive-30002, port: 30002, targetPort: 30002, protocol: TCP}"));
    known.publisher = diagnosis::port_publisher::compose;
    EXPECT_THAT(rules_of(diagnose(known), "published-ports-missing"), ElementsAre("- \"30000-30002:30000-30002/tcp\""));
}

}  // namespace
}  // namespace sallyport::doctor
