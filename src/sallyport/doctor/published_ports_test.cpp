#include <sallyport/doctor/published_ports.hpp>

#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::doctor {
namespace {

using diagnosis::published_ports;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

// Symptoms 35 and 36 (D4).
TEST(PublishedPorts, AreThoseOfTheServiceWithAControlPort) {
    const auto found = read_compose(R"({"services":{"web":{"ports":[{"target":80,"published":"8080","protocol":"tcp"}]},
        "ftp":{"ports":[{"mode":"ingress","target":21,"published":"21","protocol":"tcp"},
                        {"target":30000,"published":"40000","protocol":"tcp"},
                        {"target":"30001-30009","published":"30001-30009"},
                        {"target":53,"published":"53","protocol":"udp"}]}}})");
    ASSERT_TRUE(found) << found.error().text();
    EXPECT_EQ(found->publisher, diagnosis::port_publisher::compose);
    EXPECT_THAT(found->published,
                ElementsAre(published_ports{{21, 21}, {21, 21}}, published_ports{{40000, 40000}, {30000, 30000}},
                            published_ports{{30001, 30009}, {30001, 30009}}));
}

TEST(PublishedPorts, OfANodeHaveAnotherNumber) {
    const auto found = read_kubernetes(R"({"kind":"List","items":[{"kind":"Deployment"},
        {"kind":"Service","spec":{"type":"NodePort","ports":[{"port":21,"nodePort":30021,"protocol":"TCP"},
                                                              {"port":30000,"targetPort":"data","nodePort":30000}]}}]})");
    ASSERT_TRUE(found) << found.error().text();
    EXPECT_EQ(found->publisher, diagnosis::port_publisher::kubernetes);
    EXPECT_THAT(found->published,
                ElementsAre(published_ports{{30021, 30021}, {21, 21}}, published_ports{{30000, 30000}, {30000, 30000}}));
    const auto one = read_kubernetes(R"({"kind":"Service","spec":{"ports":[{"port":2121,"targetPort":21}]}})");
    ASSERT_TRUE(one);
    EXPECT_THAT(one->published, ElementsAre(published_ports{{2121, 2121}, {21, 21}}));
}

TEST(PublishedPorts, HaveAShortForm) {
    const auto found = read_compose(R"(
services:
  ftp:
    ports:
      - "21:21"
      - 990:990
      - "127.0.0.1:30000-30009:30000-30009/tcp"
      - "[::1]:40010-40019:30010-30019"
      - "30020-30029:30020"  # one of ten, which the engine chooses
      - "53:53/udp"
      - 30030
      - "127.0.0.1::30031"
)");
    ASSERT_TRUE(found) << found.error().text();
    EXPECT_THAT(found->published, ElementsAre(published_ports{{21, 21}, {21, 21}}, published_ports{{990, 990}, {990, 990}},
                                              published_ports{{30000, 30009}, {30000, 30009}},
                                              published_ports{{40010, 40019}, {30010, 30019}}));
}

TEST(PublishedPorts, AreThoseOfAllServicesWithoutAControlPort) {
    const auto found = read_compose("services: {a: {ports: ['80:80']}, b: {ports: ['81:81']}, c: {}}");
    ASSERT_TRUE(found) << found.error().text();
    EXPECT_THAT(found->published, ElementsAre(published_ports{{80, 80}, {80, 80}}, published_ports{{81, 81}, {81, 81}}));
}

TEST(PublishedPorts, AreInSeveralDocumentsOfKubernetes) {
    const auto found = read_kubernetes(R"(---
kind: ConfigMap
data: {ports: "1"}
---
kind: Service
spec:
  ports:
  - {name: http, port: 80}
---
kind: Service
spec:
  ports:
  - name: ftp
    port: 21
    protocol: TCP
  - name: data
    port: 30000
    targetPort: 40000
  - {port: 53, protocol: UDP}
)");
    ASSERT_TRUE(found) << found.error().text();
    EXPECT_THAT(found->published,
                ElementsAre(published_ports{{21, 21}, {21, 21}}, published_ports{{30000, 30000}, {40000, 40000}}));
}

TEST(PublishedPorts, AreThoseOfAPodOnItsHost) {
    const auto found = read_kubernetes(R"(
kind: Deployment
spec:
  template:
    spec:
      containers:
      - ports:
        - {containerPort: 2121, hostPort: 21}
        - {containerPort: 30000, hostPort: 30000}
        - {containerPort: 8080}
)");
    ASSERT_TRUE(found) << found.error().text();
    EXPECT_THAT(found->published,
                ElementsAre(published_ports{{21, 21}, {2121, 2121}}, published_ports{{30000, 30000}, {30000, 30000}}));
}

TEST(PublishedPorts, AreNotNeededInTheNetworkOfTheHost) {
    for (const auto& found : {read_compose("services: {ftp: {network_mode: host}, web: {ports: ['80:80']}}"),
                              read_kubernetes("{kind: Pod, spec: {hostNetwork: true}}")}) {
        ASSERT_TRUE(found) << found.error().text();
        EXPECT_EQ(found->publisher, diagnosis::port_publisher::none);
        EXPECT_THAT(found->published, IsEmpty());
    }
    const auto other = read_compose("services: {web: {network_mode: host}, ftp: {ports: ['21:21']}}");
    ASSERT_TRUE(other) << other.error().text();
    EXPECT_EQ(other->publisher, diagnosis::port_publisher::compose);
}

TEST(PublishedPorts, AreRefusedWithTheLine) {
    const auto why = [](std::string_view text) {
        const auto found = read_compose(text);
        return found ? std::string() : found.error().what;
    };
    EXPECT_EQ(
        why("services:\n  ftp:\n    ports:\n      - \"${PORTS}:30000-30009\"\n"),
        "line 4: \"${PORTS}\" is neither a port nor a range of ports; correct it, or use the output of 'docker compose "
        "config SERVICE'");
    EXPECT_THAT(why("services:\n  ftp:\n    ports: 21\n"), StartsWith("line 3: the ports are no list; "));
    EXPECT_THAT(why("services:\n  ftp:\n    extends: {service: base}\n"), StartsWith("line 3: ports may come from "));
    EXPECT_THAT(why("include: [other.yaml]\nservices: {}\n"), StartsWith("line 1: services may come from "));
    EXPECT_THAT(why("services:\n  ftp: [\n"), StartsWith("line 3: end of sequence flow not found; "));
    for (const auto* const port : {"'0:0'", "'21:'", "'a:21'", "'30009-30000:30009-30000'", "'70000:21'", "null", "[21]",
                                   "{target: 0, published: x}", "{published: 21}"})
        EXPECT_THAT(why(fmt::format("services: {{ftp: {{ports: [{}]}}}}", port)), StartsWith("line 1: ")) << port;
}

TEST(PublishedPorts, AreNotInOtherTexts) {
    for (const auto* const text :
         {"", "[]", "{}", "{\"services\":[]}", "{\"kind\":\"Pod\"}", "kind: Deployment\n", "---\n---\n", "FROM debian\n"}) {
        EXPECT_FALSE(read_compose(text)) << text;
        EXPECT_FALSE(read_kubernetes(text)) << text;
    }
    const auto empty = read_compose("services:\n  ftp:\n");
    ASSERT_TRUE(empty);
    EXPECT_THAT(empty->published, IsEmpty());
}

}  // namespace
}  // namespace sallyport::doctor
