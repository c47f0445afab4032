#include <sallyport/reach/pcp.hpp>

#include <gtest/gtest.h>

namespace sallyport::reach {
namespace {

using std::chrono::seconds;

const ip_address client = *ip_address::parse("192.168.77.10");
constexpr pcp_nonce nonce{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

/// A response to a request for a mapping of port 21 to 5.9.1.1:2121.
datagram response(std::uint8_t code = 0) {
    datagram out{2, 0x81, 0, code};
    append_u32(out, 3600);
    append_u32(out, 77);
    out.insert(out.end(), 12, 0);
    out.insert(out.end(), nonce.begin(), nonce.end());
    out.insert(out.end(), {6, 0, 0, 0});
    append_u16(out, 21);
    append_u16(out, 2121);
    append_address(out, *ip_address::parse("5.9.1.1"));
    return out;
}

// RFC 6887, sections 7.1 and 11.1.
TEST(Pcp, AMapRequestHasTheLayoutOfTheRfc) {
    const auto bytes = encode(pcp_map_request{
        .client = client, .local_port = 21, .suggested = {{}, 2121}, .lifetime = seconds(3600), .nonce = nonce});
    const datagram expected{2,   1,   0,    0,    0, 0, 0x0e, 0x10, 0, 0, 0, 0, 0, 0,  0,    0,    0, 0, 0xff, 0xff,
                            192, 168, 77,   10,   1, 2, 3,    4,    5, 6, 7, 8, 9, 10, 11,   12,   6, 0, 0,    0,
                            0,   21,  0x08, 0x49, 0, 0, 0,    0,    0, 0, 0, 0, 0, 0,  0xff, 0xff, 0, 0, 0,    0};
    EXPECT_EQ(bytes, expected);
}

TEST(Pcp, AnAnnounceRequestIsAHeader) {
    const auto bytes = encode_pcp_announce(*ip_address::parse("2001:db8::1"));
    ASSERT_EQ(bytes.size(), 24U);
    EXPECT_EQ(bytes[1], 0);
    EXPECT_EQ(address_at(bytes, 8), *ip_address::parse("2001:db8::1"));
}

TEST(Pcp, AResponseIsRead) {
    const auto read = parse_pcp(response());
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(read->code, pcp_result::success);
    EXPECT_EQ(read->lifetime, seconds(3600));
    EXPECT_EQ(read->epoch, 77U);
    ASSERT_TRUE(read->map);
    EXPECT_EQ(read->map->nonce, nonce);
    EXPECT_EQ(read->map->local_port, 21);
    EXPECT_EQ(read->map->external.text(), "5.9.1.1:2121");
}

TEST(Pcp, EachResultCodeIsRead) {
    for (std::uint8_t code = 2; code != 0; ++code) {
        const auto read = parse_pcp(response(code));
        ASSERT_TRUE(read) << int{code};
        EXPECT_EQ(read->code, pcp_result{code});
        EXPECT_FALSE(describe(read->code).empty());
    }
}

TEST(Pcp, AnAnnouncementIsAResponseWithoutMapping) {
    auto bytes = response();
    bytes.resize(24);
    bytes[1] = 0x80;
    const auto read = parse_pcp(bytes);
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_FALSE(read->map);
    EXPECT_EQ(read->epoch, 77U);
}

TEST(Pcp, AnotherVersionIsDistinguished) {
    // A router with NAT-PMP alone answers in its own format, of eight bytes (RFC 6887, appendix A).
    const datagram from_nat_pmp{0, 0x81, 0, 1, 0, 0, 0, 9};
    for (const auto& each : {from_nat_pmp, response(1)}) {
        const auto read = parse_pcp(each);
        ASSERT_FALSE(read);
        EXPECT_EQ(read.error().code, errc::unsupported);
    }
}

TEST(Pcp, OptionsAreIgnored) {
    auto bytes = response();
    bytes.insert(bytes.end(), {130, 0, 0, 0});
    EXPECT_TRUE(parse_pcp(bytes));
}

TEST(Pcp, EachOtherLengthIsRefused) {
    const auto whole = response();
    for (std::size_t size = 0; size < whole.size(); ++size)
        EXPECT_FALSE(parse_pcp(datagram_view(whole).first(size))) << size;
    auto longer = whole;
    longer.push_back(0);
    EXPECT_FALSE(parse_pcp(longer));
    longer.resize(1104);
    EXPECT_FALSE(parse_pcp(longer));
}

TEST(Pcp, WhatIsNoResponseToOurRequestsIsRefused) {
    auto request = response();
    request[1] = 1;
    auto peer = response();
    peer[1] = 0x82;
    auto udp = response();
    udp[36] = 17;
    for (const auto& each : {request, peer, udp}) {
        const auto read = parse_pcp(each);
        ASSERT_FALSE(read);
        EXPECT_EQ(read.error().code, errc::syntax);
    }
}

}  // namespace
}  // namespace sallyport::reach
