#include <sallyport/cli/port_needs.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::cli {
namespace {

using enum firewall::connection_direction;
using testing::ElementsAre;
using testing::Field;

machine_facts machine() { return {.ephemeral = {32768, 60999}}; }

report_input subject() {
    report_input out{.listen = {*endpoint::parse("0.0.0.0:2121"), *endpoint::parse("0.0.0.0:21")},
                     .listen_tls = {*endpoint::parse("0.0.0.0:990")}};
    out.data_connections.ports.range = {30000, 30099};
    return out;
}

auto connections(auto direction, const std::vector<port_range>& to, const std::vector<port_range>& from = {}) {
    using firewall::allowed_connections;
    return testing::AllOf(Field(&allowed_connections::direction, direction), Field(&allowed_connections::to, to),
                          Field(&allowed_connections::from, from));
}

TEST(port_needs_test, a_server_is_reached_and_connects_in_active_mode) {
    const auto needs = server_needs(subject(), machine());
    EXPECT_THAT(
        needs.connections,
        ElementsAre(connections(incoming, {{21, 21}, {990, 990}, {2121, 2121}}), connections(incoming, {{30000, 30099}}),
                    connections(outgoing, {{1024, 65535}}, {{20, 20}, {989, 989}, {2120, 2120}})));
    EXPECT_TRUE(needs.v4);
    EXPECT_FALSE(needs.v6);
    EXPECT_TRUE(needs.encrypted);
    auto passive = subject();
    passive.active = false;
    passive.listen = {*endpoint::parse("[::]:21")};
    EXPECT_EQ(server_needs(passive, machine()).connections.size(), 2U);
    EXPECT_TRUE(server_needs(passive, machine()).v4);
}

TEST(port_needs_test, passive_ports_may_be_the_control_port_or_any) {
    auto s = subject();
    s.active = false;
    s.data_connections.ports.range = {};
    EXPECT_TRUE(uses_any_port(s));
    EXPECT_THAT(server_needs(s, machine()).connections[1].to, ElementsAre(port_range{32768, 60999}));
    EXPECT_THAT(server_needs(s, {}).connections[1].to, ElementsAre(port_range{1024, 65535}));
    s.data_connections.single.control = true;
    EXPECT_FALSE(uses_any_port(s));
    EXPECT_EQ(server_needs(s, machine()).connections.size(), 1U);
    s.passthrough_ports = {{31000, 31009}};
    EXPECT_THAT(server_needs(s, machine()).connections[1].to, ElementsAre(port_range{31000, 31009}));
}

TEST(port_needs_test, a_gateway_connects_to_its_backends) {
    auto s = subject();
    s.active = false;
    s.backend_ports = {{2121, 2121}, {21, 21}, {21, 21}};
    EXPECT_THAT(server_needs(s, machine()).connections,
                ElementsAre(testing::_, testing::_, connections(outgoing, {{21, 21}, {2121, 2121}}),
                            connections(outgoing, {{1024, 65535}})));
}

TEST(port_needs_test, a_client_uses_the_external_ports) {
    auto s = subject();
    const std::vector<std::string> mapping{"30000-30049=60000-60049"};
    s.data_connections.ports.external = *reach::external_ports::parse(mapping, s.data_connections.ports.range);
    const auto needs = client_needs(s, machine(), true);
    EXPECT_THAT(needs.connections,
                ElementsAre(connections(outgoing, {{21, 21}, {990, 990}, {2121, 2121}}),
                            connections(outgoing, {{30050, 30099}, {60000, 60049}}),
                            connections(incoming, {{1024, 65535}}, {{20, 20}, {989, 989}, {2120, 2120}})));
    EXPECT_EQ(client_needs(s, machine(), false).connections.size(), 2U);
    EXPECT_TRUE(server_needs({}, machine()).connections.empty());
}

}  // namespace
}  // namespace sallyport::cli
