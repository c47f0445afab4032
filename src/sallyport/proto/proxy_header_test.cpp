#include <sallyport/proto/proxy_header.hpp>

#include <vector>

#include <gtest/gtest.h>

#include <sallyport/base/limits.hpp>

namespace sallyport::proto {
namespace {

using namespace std::string_literals;
using state = parsed_proxy_header::state;

endpoint at(const char* text) { return *endpoint::parse(text); }

const std::string signature = "\r\n\r\n\0\r\nQUIT\n"s;

/// A version 2 header with `rest` and its length.
std::string v2(char command, char family, const std::string& rest) {
    return signature + command + family + static_cast<char>(rest.size() >> 8U) + static_cast<char>(rest.size() & 0xffU) +
           rest;
}

const std::string addresses4 = "\xcb\x00\x71\x09\xc6\x33\x64\x01\x9c\x40\x00\x15"s;  // 203.0.113.9 198.51.100.1 40000 21
const std::string addresses6 = "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x09"s +
                               "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"s + "\x9c\x40\x03\xde"s;  // ports 40000 990
const proxy_header client4{true, at("203.0.113.9:40000"), at("198.51.100.1:21")};
const proxy_header client6{true, at("[2001:db8::9]:40000"), at("[2001:db8::1]:990")};

struct good {
    std::string bytes;
    proxy_header header;
};

const std::vector<good> good_headers{
    {"PROXY TCP4 203.0.113.9 198.51.100.1 40000 21\r\n", client4},
    {"PROXY TCP6 2001:db8::9 2001:db8::1 40000 990\r\n", client6},
    {"PROXY TCP6 ::ffff:203.0.113.9 ::ffff:198.51.100.1 40000 21\r\n", client4},
    {"PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n", {true, at("0.0.0.0:0"), at("255.255.255.255:65535")}},
    {"PROXY UNKNOWN\r\n", {}},
    {"PROXY UNKNOWN ffff:f...f:ffff whatever 65535 65535\r\n", {}},
    {"PROXY UNKNOWN " + std::string(107 - 16, 'x') + "\r\n", {}},  // The maximum length.
    {v2(0x21, 0x11, addresses4), client4},
    {v2(0x21, 0x21, addresses6), client6},
    {v2(0x21, 0x11, addresses4 + "\x04\x00\x03tlv"s), client4},
    {v2(0x21, 0x11, addresses4 + std::string(limits::max_proxy_header - 28, '\xff')), client4},
    {v2(0x20, 0x00, ""), {}},
    {v2(0x20, 0x11, addresses4), {}},             // LOCAL: the addresses are ignored.
    {v2(0x20, '\xff', "anything"), {}},           // The family too.
    {v2(0x21, 0x00, "PROXY\r\n"), {}},            // unspecified
    {v2(0x21, 0x12, addresses4), {}},             // UDP
    {v2(0x21, 0x31, std::string(216, 'u')), {}},  // a Unix socket
};

TEST(ProxyHeader, ReadsBothVersions) {
    for (const auto& [bytes, header] : good_headers) {
        const auto r = parse_proxy_header(bytes);
        EXPECT_EQ(r.status, state::done) << bytes;
        EXPECT_EQ(r.bytes, bytes.size()) << bytes;
        EXPECT_EQ(r.header, header) << bytes;
    }
}

TEST(ProxyHeader, LeavesTheBytesAfterTheHeader) {
    for (const auto& [bytes, header] : good_headers) {
        for (const std::string rest : {"\n", "\r\n", "USER a\r\n", "\x16\x03\x01"}) {
            const auto r = parse_proxy_header(bytes + rest);
            EXPECT_EQ(r.status, state::done) << bytes;
            EXPECT_EQ(r.bytes, bytes.size()) << bytes;
            EXPECT_EQ(r.header, header) << bytes;
        }
    }
}

TEST(ProxyHeader, IsCompleteOnlyWithItsLastByte) {
    for (const auto& good : good_headers) {
        for (std::size_t n = 0; n < good.bytes.size(); ++n) {
            const auto r = parse_proxy_header(std::string_view(good.bytes).substr(0, n));
            ASSERT_EQ(r.status, state::need_more) << n << " of " << good.bytes;
            ASSERT_GE(r.bytes, 1U) << n << " of " << good.bytes;
            // Reading the requested number of bytes never reads beyond the header.
            ASSERT_LE(n + r.bytes, good.bytes.size()) << n << " of " << good.bytes;
        }
    }
}

TEST(ProxyHeader, RefusesBytesThatAreNoHeader) {
    for (const std::string& bytes : std::vector<std::string>{
             "U",
             "USER anonymous\r\n",
             "\x16\x03\x01",
             "\n",
             "\r\n\r\nX",
             "proxy TCP4",
             "PROXZ",
             "PROXY\r\n",
             "PROXY TCP4 203.0.113.9 198.51.100.1 40000\r\n",       // a port too few
             "PROXY TCP4 203.0.113.9 198.51.100.1 40000 21 \r\n",   // a blank too many
             "PROXY TCP4  203.0.113.9 198.51.100.1 40000 21\r\n",   //
             "PROXY TCP4 203.0.113.9 198.51.100.1 40000 21 x\r\n",  //
             "PROXY TCP4 203.0.113.9 198.51.100.1 65536 21\r\n",    //
             "PROXY TCP4 203.0.113.9 198.51.100.1 040 21\r\n",      //
             "PROXY TCP4 203.0.113.9 198.51.100.1 -1 21\r\n",       //
             "PROXY TCP4 203.0.113 198.51.100.1 40000 21\r\n",      //
             "PROXY TCP4 2001:db8::9 2001:db8::1 40000 21\r\n",     // the other family
             "PROXY TCP6 203.0.113.9 198.51.100.1 40000 21\r\n",    //
             "PROXY TCP6 fe80::1%1 fe80::2%1 40000 21\r\n",         // An interface of another host.
             "PROXY TCP5 203.0.113.9 198.51.100.1 40000 21\r\n",    //
             "PROXY UNKNOWNX\r\n",
             "PROXY TCP4 203.0.113.9 198.51.100.1 40000 21\r\r\n",
             "PROXY UNKNOWN\rX",                                      //
             "PROXY UNKNOWN " + std::string(107 - 15, 'x') + "\r\n",  // one byte too long
             "PROXY UNKNOWN " + std::string(107 - 15, 'x'),           // Without waiting for the line end.
             v2(0x11, 0x11, addresses4),                              // version 1 in binary
             v2(0x22, 0x11, addresses4),                              // no such command
             v2(0x21, 0x41, addresses4),                              // no such family
             v2(0x21, 0x13, addresses4),                              // no such transport
             v2(0x21, 0x11, addresses4.substr(1)),                    // shorter than its addresses
             v2(0x21, 0x21, addresses6.substr(1)),                    //
             signature + "\x21\x11\xff\xff"s,                         // longer than the limit: at once
         }) {
        EXPECT_EQ(parse_proxy_header(bytes).status, state::bad) << bytes;
    }
}

TEST(ProxyHeader, WritesWhatItReads) {
    const std::vector<proxy_header> headers{
        client4, client6, {}, {true, at("203.0.113.9:0"), at("[2001:db8::1]:21")}, {true, at("[::]:1"), at("0.0.0.0:1")}};
    for (const auto version : {proxy_version::v1, proxy_version::v2}) {
        for (const auto& header : headers) {
            const auto bytes = write_proxy_header(header, version);
            const auto r = parse_proxy_header(bytes);
            EXPECT_EQ(r.status, state::done) << bytes;
            EXPECT_EQ(r.bytes, bytes.size()) << bytes;
            EXPECT_EQ(r.header, header) << bytes;
        }
    }
    EXPECT_EQ(write_proxy_header(client4, proxy_version::v1), good_headers[0].bytes);
    EXPECT_EQ(write_proxy_header(client6, proxy_version::v1), good_headers[1].bytes);
    EXPECT_EQ(write_proxy_header(client4, proxy_version::v2), v2(0x21, 0x11, addresses4));
    EXPECT_EQ(write_proxy_header(client6, proxy_version::v2), v2(0x21, 0x21, addresses6));
    EXPECT_EQ(write_proxy_header({}, proxy_version::v2), v2(0x20, 0x00, ""));
}

// A zone is valid on the local host only.
TEST(ProxyHeader, SendsNoZone) {
    const proxy_header h{true, {*ip_address::parse("fe80::9%1"), 1}, {*ip_address::parse("fe80::1%1"), 21}};
    EXPECT_EQ(write_proxy_header(h, proxy_version::v1), "PROXY TCP6 fe80::9 fe80::1 1 21\r\n");
}

}  // namespace
}  // namespace sallyport::proto
