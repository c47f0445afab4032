#include <sallyport/firewall/interception.hpp>

#include <gtest/gtest.h>

namespace sallyport::firewall {
namespace {

interception on(std::string name) { return {.interfaces = {std::move(name)}}; }

TEST(interception_test, accepts_names_of_interfaces) {
    for (const auto* name : {"lan0", "ppp*", "br-lan.10", "wg_0"}) EXPECT_TRUE(check(on(name))) << name;
    for (const auto* name : {"", "*", "lo", "lan 0", "lan0*x", "a\"b", "sixteen_letters_"})
        EXPECT_FALSE(check(on(name))) << name;
    EXPECT_FALSE(check(interception{}));
}

TEST(interception_test, refuses_ambiguous_ports) {
    auto i = on("lan0");
    i.implicit_ports = {990};
    EXPECT_TRUE(check(i));
    i.ports.push_back(990);
    const auto refused = check(i);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().what, "port 990 is in ports= and in implicit=; name it in one of them");
    i.ports = {0};
    EXPECT_FALSE(check(i));
    i.ports = {};
    EXPECT_TRUE(check(i)) << "only implicit TLS";
    i.implicit_ports = {};
    EXPECT_FALSE(check(i));
}

TEST(interception_test, reads_marks) {
    EXPECT_EQ(mark_bits::parse("0x100/0xff00"), (mark_bits{0x100, 0xff00}));
    EXPECT_EQ(mark_bits::parse("256"), (mark_bits{0x100, 0xffffffff}));
    EXPECT_EQ(mark_bits::parse("0x100/0xff00")->text(), "0x00000100/0x0000ff00");
    for (const auto* text : {"", "0", "0/1", "0x100/0xff", "1/", "/1", "0x", "1/2/3", "-1", "0x1ffffffff"})
        EXPECT_FALSE(mark_bits::parse(text)) << text;
}

// A rule that copies the connection's mark to its packets must not deliver them to the gateway.
TEST(interception_test, marks_connections_with_the_other_bits) {
    EXPECT_EQ((mark_bits{0x100, 0x300}.of_connection()), 0x200U);
    EXPECT_EQ((mark_bits{0x100, 0x100}.of_connection()), 0x100U);
}

TEST(interception_test, listens_on_loopback) {
    EXPECT_EQ(interception_listener(true, 8021), endpoint::parse("127.0.0.1:8021"));
    EXPECT_EQ(interception_listener(false, 8021), endpoint::parse("[::1]:8021"));
}

}  // namespace
}  // namespace sallyport::firewall
