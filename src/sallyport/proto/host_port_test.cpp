#include <sallyport/proto/host_port.hpp>

#include <string>

#include <gtest/gtest.h>

namespace sallyport::proto {
namespace {

using namespace std::string_literals;

std::string shown(const result<endpoint>& e) { return e ? e->text() : std::string(name(e.error().code)); }
std::string shown(const result<std::uint16_t>& p) { return p ? std::to_string(*p) : std::string(name(p.error().code)); }
std::string port(std::string_view text) { return shown(parse_host_port(text)); }
std::string eprt(std::string_view text) { return shown(parse_eprt(text)); }

TEST(HostPort, Port) {
    EXPECT_EQ(port("192,168,1,2,7,138"), "192.168.1.2:1930");  // the NcFTP article's
    EXPECT_EQ(port("0,0,0,0,0,1"), "0.0.0.0:1");
    EXPECT_EQ(port("255,255,255,255,255,255"), "255.255.255.255:65535");
    EXPECT_EQ(port("010,001,000,002,200,001"), "10.1.0.2:51201");
    EXPECT_EQ(port("10, 1, 0, 2, 200, 1"), "10.1.0.2:51201");
    EXPECT_EQ(port("10,   1,0,2,200,  1"), "10.1.0.2:51201");
}

TEST(HostPort, Table21_PortOutOfShapeIsRefused) {
    for (const auto& bad : {
             "10,1,0,2,0,51201"s,  // row B: repaired by the kernel
             "10,1,0,2,0,0"s,      // row R
             "256,1,0,2,0,22"s,
             "10,1,0,2,256,1"s,
             "10,1,0,2,0"s,
             "10,1,0,2,0,22,1"s,
             "10,1,0,2,0,22,"s,
             ",10,1,0,2,0,22"s,
             "10,,0,2,0,22"s,
             "10.1.0.2,0,22"s,
             " 10,1,0,2,0,22"s,
             "10,1,0,2,0,22 "s,
             "10 ,1,0,2,0,22"s,
             "10,1 0,2,0,22"s,
             "10,1,0,2,0, "s,
             "10,1,0,2,0,\t22"s,
             "+10,1,0,2,0,22"s,
             "-1,1,0,2,0,22"s,
             "0x1,1,0,2,0,22"s,
             "0010,1,0,2,0,22"s,
             "10,1,0,2,0,22\r"s,
             "10,1,0,2,0,2\0"s,
             ""s,
             ","s,
             ",,,,,"s,
             "a,b,c,d,e,f"s,
             "99999999999999999999,1,1,1,1,1"s,
         }) {
        EXPECT_EQ(port(bad), "syntax") << bad;
    }
}

TEST(HostPort, EveryPrefixAndEveryTrailingByteIsRefused) {
    const auto check = [](std::string_view whole, auto parse) {
        ASSERT_TRUE(parse(whole));
        for (std::size_t n = 0; n + 2 < whole.size(); ++n) EXPECT_FALSE(parse(whole.substr(0, n))) << whole.substr(0, n);
        for (int c = 0; c < 256; ++c) {
            EXPECT_FALSE(parse(std::string(whole) + static_cast<char>(c))) << c;
        }
    };
    check("192,168,1,2,207,138", parse_host_port);
    check("|1|132.235.1.2|6275|", parse_eprt);
    check("|2|2001:db8::1|6275|", parse_eprt);
}

TEST(HostPort, Reply227) {
    const auto at = [](std::string_view text) { return shown(parse_227(text)); };
    EXPECT_EQ(at("Entering Passive Mode (172,16,3,4,204,173)"), "172.16.3.4:52397");
    EXPECT_EQ(at("Entering Passive Mode (172,16,3,4,204,173)."), "172.16.3.4:52397");
    EXPECT_EQ(at("Entering Passive Mode 172,16,3,4,204,173"), "172.16.3.4:52397");  // RFC 1123: without parentheses
    EXPECT_EQ(at("=172,16,3,4,204,173"), "172.16.3.4:52397");
    EXPECT_EQ(at("Mode 2 of 3, node 12,5 (172,16,3,4,204,173)"), "172.16.3.4:52397");
    for (const auto* bad :
         {"", "Entering Passive Mode", "(172,16,3,4,204)", "(172,16,3,4,204,173,5)", "(1,172,16,3,4,204,173)",
          "(256,16,3,4,204,173)", "(172,16,3,4,0,0)", "(172,16,3,4,204,1730)", "(1720,16,3,4,204,173)",
          "(172, 16, 3, 4, 204, 173)", "(172.16.3.4,204,173)", "(0,0,0,0,256,1)", "172,16,3,4,204,", "(-1,2,3,4,5,6,7)"}) {
        EXPECT_EQ(at(bad), "syntax") << bad;
    }
}

TEST(HostPort, AHostile227OfAnyLengthIsLinear) {
    std::string text;
    while (text.size() < (1U << 20U)) text += "1,";
    EXPECT_FALSE(parse_227(text));
    EXPECT_FALSE(parse_227(std::string(1U << 20U, '1')));
    EXPECT_FALSE(parse_229(std::string(1U << 20U, '(')));
    EXPECT_FALSE(parse_eprt(std::string(1U << 20U, '|')));
}

TEST(HostPort, Eprt) {
    EXPECT_EQ(eprt("|1|132.235.1.2|6275|"), "132.235.1.2:6275");
    EXPECT_EQ(eprt("|2|1080::8:800:200C:417A|5282|"), "[1080::8:800:200c:417a]:5282");
    EXPECT_EQ(eprt("|2|::ffff:10.1.0.2|5282|"), "10.1.0.2:5282")
        << "converted to IPv4, so that it compares equal to the IPv4 address";
    for (char d = 33; d < 127; ++d) {
        if (std::string_view("1320.5267").find(d) != std::string_view::npos) continue;  // would cut the fields themselves
        const auto text = d + "1"s + d + "132.235.1.2" + d + "6275" + d;
        EXPECT_EQ(eprt(text), "132.235.1.2:6275") << text;
    }
}

TEST(HostPort, EprtOutOfShapeIsRefused) {
    for (const auto& bad : {
             "|1|10.1.0.2|116737|"s,  // table 2.1 row C: wrapped by the kernel
             "|1|10.1.0.2|0|"s,
             "|1|10.1.0.2|65536|"s,
             "|1|10.1.0.2|000022|"s,
             "|1|10.1.0.2||"s,
             "|1||22|"s,
             "||10.1.0.2|22|"s,
             "|1|10.1.0.2|22"s,
             "1|10.1.0.2|22|"s,
             "|1|10.1.0.2|22||"s,
             "|1|10.1.0.2|+22|"s,
             "|1|10.1.0.2| 22|"s,
             "|1|10.1.0|22|"s,
             "|1|10.1.0.256|22|"s,
             "|1|0x0a.1.0.2|22|"s,
             "|1|2001:db8::1|22|"s,
             "|2|10.1.0.2|22|"s,
             "|2|fe80::1%eth0|2222|"s,
             "|2|fe80::1%2|2222|"s,
             "|2|[::1]|2222|"s,
             "|x|10.1.0.2|22|"s,
             "|-1|10.1.0.2|22|"s,
             "|1|localhost|22|"s,
             "| 1|10.1.0.2|22|"s,
             " 1 10.1.0.2 22 "s,
             "\x80"
             "1\x80"
             "10.1.0.2\x80"
             "22\x80"s,
             "|1|10.1.0.2\0|22|"s,
             "|1/10.1.0.2|22|"s,
             ""s,
             "|"s,
             "||||"s,
         }) {
        EXPECT_EQ(eprt(bad), "syntax") << bad;
    }
    for (const auto* unknown : {"|3|10.1.0.2|2222|", "|0|x|2222|", "|99999|10.1.0.2|22|"}) {
        EXPECT_EQ(eprt(unknown), "unsupported") << unknown;  // 522
    }
}

TEST(HostPort, Reply229) {
    const auto at = [](std::string_view text) { return shown(parse_229(text)); };
    EXPECT_EQ(at("Entering Extended Passive Mode (|||6446|)"), "6446");
    EXPECT_EQ(at("(extended) mode (!!!65535!)."), "65535");
    EXPECT_EQ(at("x (|1|132.235.1.2|6446|)"), "6446") << "network and address are ignored (RFC 2428 section 3)";
    for (const auto* bad : {"", "no", "|||6446|", "(|||6446|", "(|||0|)", "(|||65536|)", "(|||+1|)", "(||6446|)",
                            "(||||6446|)", "(|||6446)", "(|||6446|x)", "(   6446 )", "((((((", "(|||\xc2\xb2|)"}) {
        EXPECT_EQ(at(bad), "syntax") << bad;
    }
}

TEST(HostPort, EpsvArgument) {
    EXPECT_EQ(parse_epsv_argument("").value(), epsv_argument::none);
    EXPECT_EQ(parse_epsv_argument("1").value(), epsv_argument::ipv4);
    EXPECT_EQ(parse_epsv_argument("2").value(), epsv_argument::ipv6);
    EXPECT_EQ(parse_epsv_argument("ALL").value(), epsv_argument::all);
    EXPECT_EQ(parse_epsv_argument("all").value(), epsv_argument::all);
    EXPECT_EQ(parse_epsv_argument("3").error().code, errc::unsupported);
    for (const auto* bad : {"x", " ", "1 ", " ALL", "ALLX", "-1", "123456"}) {
        EXPECT_EQ(parse_epsv_argument(bad).error().code, errc::syntax) << bad;
    }
}

TEST(HostPort, WhatIsWrittenParsesBack) {
    for (const auto* text : {"192.168.1.2:1930", "0.0.0.0:1", "255.255.255.255:65535"}) {
        const auto e = *endpoint::parse(text);
        EXPECT_EQ(parse_host_port(format_host_port(e)).value(), e);
        EXPECT_EQ(parse_227(format_227(e)).value(), e);
        EXPECT_EQ(parse_eprt(format_eprt(e)).value(), e);
        EXPECT_EQ(parse_229(format_229(e.port)).value(), e.port);
    }
    const auto v6 = *endpoint::parse("[2001:db8::1]:6275");
    EXPECT_EQ(format_eprt(v6), "|2|2001:db8::1|6275|");
    EXPECT_EQ(parse_eprt(format_eprt(v6)).value(), v6);
    EXPECT_EQ(format_227(*endpoint::parse("172.16.3.4:52397")), "Entering Passive Mode (172,16,3,4,204,173)");
    const endpoint zoned{ip_address::v6({0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 2), 2222};
    EXPECT_EQ(format_eprt(zoned), "|2|fe80::1|2222|") << "a zone is local to this host";
}

}  // namespace
}  // namespace sallyport::proto
