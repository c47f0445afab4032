#include <sallyport/doctor/published_ports.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::doctor {
namespace {

using diagnosis::published_ports;
using testing::ElementsAre;
using testing::IsEmpty;

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

TEST(PublishedPorts, AreNotInOtherTexts) {
    for (const auto* const text : {"", "services:\n  ftp:\n", "[]", "{}", "{\"services\":[]}", "{\"kind\":\"Pod\"}"}) {
        EXPECT_FALSE(read_compose(text)) << text;
        EXPECT_FALSE(read_kubernetes(text)) << text;
    }
    const auto empty = read_compose(R"({"services":{"ftp":{"ports":[{"target":0,"published":"x"},5,null]},"b":7}})");
    ASSERT_TRUE(empty);
    EXPECT_THAT(empty->published, IsEmpty());
}

}  // namespace
}  // namespace sallyport::doctor
