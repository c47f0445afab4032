#include <sallyport/proto/inside_addresses.hpp>

#include <gtest/gtest.h>

namespace sallyport::proto {
namespace {

[[nodiscard]] ip_address at(std::string_view text) { return *ip_address::parse(text); }

const inside_addresses usual(at("10.0.0.5"), at("10.0.0.9"), at("203.0.113.7"), at("198.51.100.1"));

struct row {
    std::string_view from;
    std::string_view to;
};

TEST(InsideAddresses, NamesNeitherEndOfTheBackendLeg) {
    for (const auto& [from, to] : std::vector<row>{
             {"Data connection accepted from 10.0.0.9:4242; transfer starting.",
              "Data connection accepted from 203.0.113.7; transfer starting."},
             {"ProFTPD Server (Debian) [::ffff:10.0.0.5]", "ProFTPD Server (Debian) [the server]"},
             {"Connected to ::FFFF:10.0.0.9.", "Connected to 203.0.113.7."},
             {"10.0.0.5 FTP server ready", "the server FTP server ready"},
             {"See ftp://10.0.0.5:2121/ and 10.0.0.5", "See ftp://the server/ and the server"},
             {"10.0.0.5:21: no, 10.0.0.5: yes", "the server: no, the server: yes"},
             {"PORT (10,0,0,5)", "PORT (the server)"},
             {"connecting to 10.0.0.5:4000: connection refused", "connecting to the server: connection refused"}})
        EXPECT_EQ(usual.hidden(std::string(from)), to);
}

TEST(InsideAddresses, LeavesNamesAlone) {
    for (const std::string text :
         {"log.10.0.0.5", "10.0.0.5.log", "110.0.0.5", "10.0.0.50", "/in/10.0.0.5", "10.0.0.5/in", "x10.0.0.5",
          "10.0.0.5-old", "a:10.0.0.5", "203.0.113.7:5000", "198.51.100.1", "1.10.0.0.5"})
        EXPECT_EQ(usual.hidden(text), text);
}

TEST(InsideAddresses, DoNotHideAddressesTheClientKnows) {
    const inside_addresses one_network(at("10.0.0.5"), at("10.0.0.9"), at("10.0.0.5"), at("10.0.0.9"));
    EXPECT_EQ(one_network.hidden("10.0.0.5 and 10.0.0.9:1"), "10.0.0.5 and 10.0.0.9:1");
    EXPECT_EQ(inside_addresses().hidden("0.0.0.0 and ::"), "0.0.0.0 and ::");
}

TEST(InsideAddresses, CoverIPv6AndEveryLine) {
    const inside_addresses six(at("fd00::5"), at("fe80::9%1"), at("2001:db8::7"), at("2001:db8::1"));
    reply r{220, {"Hello [fe80::9]", "I am fd00::5.", "fd00::55"}};
    six.hide(r);
    EXPECT_EQ(r.lines, (std::vector<std::string>{"Hello [2001:db8::7]", "I am the server.", "fd00::55"}));
}

}  // namespace
}  // namespace sallyport::proto
