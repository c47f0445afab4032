#include <sallyport/diagnosis/server_rules.hpp>

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sallyport/diagnosis/log_rules.hpp>
#include <sallyport/diagnosis/rules.hpp>
#include <sallyport/diagnosis/server_report.hpp>

namespace sallyport::diagnosis {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

server_facts healthy() {
    server_facts out{.program = "vsftpd", .control_ports = {21}, .passive_ports = {30000, 30099}, .tls = true};
    out.keepalive = 60;
    out.max_sessions = 50;
    out.host.addresses = {*ip_address::parse("127.0.0.1"), *ip_address::parse("203.0.113.7")};
    out.host.ephemeral = {32768, 60999};
    out.host.blocked.emplace();
    out.host.conntrack_timeout = 432000;
    return out;
}

std::vector<std::string> ids(const server_facts& known) {
    std::vector<std::string> out;
    for (const auto& each : judge(known)) out.push_back(each.id);
    return out;
}

// D4: what is wrong on the server's host, and no alarm where nothing is.
TEST(server_rules_test, finds_nothing_where_nothing_is_wrong) {
    EXPECT_THAT(ids(healthy()), IsEmpty());
    EXPECT_THAT(report_text(healthy(), {}), HasSubstr("no fault was found"));
}

TEST(server_rules_test, a_socket_without_a_known_program_may_be_the_servers) {
    auto known = healthy();
    known.host.listeners = {{{*ip_address::parse("0.0.0.0"), 30005}, ""}};
    ASSERT_THAT(ids(known), ElementsAre("passive-port-in-use"));
    EXPECT_EQ(judge(known)[0].confidence, confidence::possible);
    EXPECT_EQ(judge(known)[0].severity, severity::note);
    known.program.clear();
    known.host.listeners.front().program = "vsftpd";
    ASSERT_THAT(ids(known), ElementsAre("passive-port-in-use"));
    EXPECT_EQ(judge(known)[0].confidence, confidence::possible);
    EXPECT_EQ(judge(known)[0].severity, severity::note);
}

TEST(server_rules_test, finds_each_fault) {
    auto known = healthy();
    known.passive_ports = {40000, 40099};
    EXPECT_THAT(ids(known), ElementsAre("ephemeral-overlap"));
    known.host.reserved = {{40000, 40099}};
    EXPECT_THAT(ids(known), IsEmpty());

    known = healthy();
    known.host.listeners = {{{*ip_address::parse("0.0.0.0"), 30005}, "java"},
                            {{*ip_address::parse("0.0.0.0"), 30006}, "vsftpd"}};
    ASSERT_THAT(ids(known), ElementsAre("passive-port-in-use"));
    EXPECT_THAT(judge(known)[0].evidence, ElementsAre("java listens on 0.0.0.0:30005"));
    EXPECT_EQ(judge(known)[0].confidence, confidence::certain);

    known = healthy();
    known.host.blocked->push_back({{30000, 30099}, true, false, false, "table inet filter, chain input", "policy drop"});
    ASSERT_THAT(ids(known), ElementsAre("own-firewall-blocks"));
    EXPECT_EQ(judge(known)[0].confidence, confidence::certain);
    known.host.accepts_related = true;
    EXPECT_THAT(ids(known), Contains("helper-missing"));
    known.host.helper_rules = {"table inet filter, chain pre: tcp dport 21 ct helper set"};
    EXPECT_THAT(ids(known), Contains("helper-useless"));

    known = healthy();
    known.host.conntrack_timeout = 600;
    known.keepalive = 7200;
    EXPECT_THAT(ids(known), ElementsAre("conntrack-forgets"));
    known = healthy();
    known.max_sessions = 200;
    EXPECT_THAT(ids(known), ElementsAre("passive-range-small"));
    known = healthy();
    known.passive_ports = {5000, 5100};
    EXPECT_THAT(ids(known), ElementsAre("alg-port-in-range"));
    known = healthy();
    known.host.half_open = {30001};
    EXPECT_THAT(ids(known), ElementsAre("answers-lost"));
    known = healthy();
    known.passive_ports = {};
    EXPECT_THAT(ids(known), ElementsAre("passive-range-missing"));
    known = healthy();
    known.contradictions = {"pasv_min_port 2 is above pasv_max_port 1"};
    EXPECT_THAT(ids(known), ElementsAre("server-settings-contradict"));
}

TEST(server_rules_test, knows_which_address_is_advertised) {
    auto known = healthy();
    known.external_address = "192.168.1.5";
    EXPECT_THAT(judge(known), ElementsAre(testing::AllOf(Field(&verdict::id, "private-address"),
                                                         Field(&verdict::confidence, confidence::likely))));
    known = healthy();
    known.host.addresses = {*ip_address::parse("172.17.0.2")};
    // Inside, the private address is right.
    ASSERT_THAT(ids(known), ElementsAre("private-address"));
    EXPECT_EQ(judge(known)[0].severity, severity::note);
    known.host.container = "docker";
    ASSERT_THAT(ids(known), ElementsAre("container-address"));
    EXPECT_EQ(judge(known)[0].severity, severity::problem);
    known.external_address = "203.0.113.7";
    EXPECT_THAT(ids(known), IsEmpty());
}

// Symptoms 35 and 36.
TEST(server_rules_test, compares_published_ports_with_the_range) {
    server_facts known{.passive_ports = {30000, 30009}, .leaves_out_alg_ports = true, .publisher = port_publisher::compose};
    known.max_sessions = 5;
    known.published = {{{21, 21}, {21, 21}}, {{30000, 30009}, {30000, 30009}}};
    EXPECT_THAT(ids(known), IsEmpty());
    known.published[1].inside.last = known.published[1].outside.last = 30004;
    ASSERT_THAT(ids(known), ElementsAre("published-ports-missing"));
    EXPECT_THAT(judge(known)[0].evidence,
                ElementsAre("the passive ports are 30000-30009, and 30005-30009 are not published"));
    known.published[1] = {{40000, 40009}, {30000, 30009}};
    EXPECT_THAT(ids(known), ElementsAre("published-ports-renumbered"));
    known.published[1] = {{30000, 39999}, {30000, 39999}};
    EXPECT_THAT(ids(known), ElementsAre("published-ports-many"));
    known.publisher = port_publisher::none;
    EXPECT_THAT(ids(known), IsEmpty());
}

TEST(server_rules_test, every_id_is_explained_once) {
    for (const auto& row : server_explanations()) {
        EXPECT_EQ(explain(row.id), &row) << row.id;
        EXPECT_TRUE(std::ranges::none_of(rules(), [&row](const rule& r) { return r.about.id == row.id; })) << row.id;
    }
}

facts session(std::string_view client, method_result result) {
    facts out{.seen_from = vantage::server};
    out.client = {*ip_address::parse(client), 4000};
    out.server = {*ip_address::parse("203.0.113.7"), 21};
    out.phases.push_back({.name = "login", .ok = true});
    out.methods.push_back(
        {.method = proto::data_method::epsv, .result = result, .target = endpoint{out.server.address, 30000}});
    return out;
}

side side_of_log(const std::vector<facts>& sessions) {
    for (const auto& each : judge_log(sessions).verdicts)
        if (each.id == "data-ports-dropped") return each.side;
    return side::client_config;
}

TEST(log_rules_test, compares_networks_of_clients) {
    const auto a = session("198.51.100.4", method_result::silent);
    const auto b = session("192.0.2.4", method_result::silent);
    const auto works = session("192.0.2.9", method_result::ok);
    EXPECT_EQ(side_of_log({a}), side::undecided);
    EXPECT_EQ(side_of_log({a, a}), side::undecided);
    EXPECT_EQ(side_of_log({a, b}), side::server);
    EXPECT_EQ(side_of_log({a, works}), side::client);
    EXPECT_EQ(judge_log(std::vector{a, works}).failed, 1U);
    EXPECT_THAT(judge_log(std::vector{works}).verdicts, IsEmpty());
    EXPECT_THAT(report_text(judge_log(std::vector{a, works}), "x.log"), HasSubstr("x.log: 1 of 2 sessions"));
}

}  // namespace
}  // namespace sallyport::diagnosis
