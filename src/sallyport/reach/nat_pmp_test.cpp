#include <sallyport/reach/nat_pmp.hpp>

#include <gtest/gtest.h>

namespace sallyport::reach {
namespace {

using std::chrono::seconds;

/// The response of section 3.3 of RFC 6886 for port 21 at 2121.
const datagram map_response{0, 130, 0, 0, 0, 0, 0, 77, 0, 21, 0x08, 0x49, 0, 0, 0x0e, 0x10};
const datagram address_response{0, 128, 0, 0, 0, 0, 0, 77, 5, 9, 1, 1};

// RFC 6886, sections 3.2 and 3.3.
TEST(NatPmp, RequestsHaveTheLayoutOfTheRfc) {
    EXPECT_EQ(encode_nat_pmp_address_request(), (datagram{0, 0}));
    EXPECT_EQ(encode(nat_pmp_map_request{.local_port = 21, .suggested_port = 2121, .lifetime = seconds(3600)}),
              (datagram{0, 2, 0, 0, 0, 21, 0x08, 0x49, 0, 0, 0x0e, 0x10}));
}

TEST(NatPmp, AMappingIsRead) {
    const auto read = parse_nat_pmp(map_response);
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(read->epoch, 77U);
    EXPECT_FALSE(read->address);
    ASSERT_TRUE(read->map);
    EXPECT_EQ(read->map->local_port, 21);
    EXPECT_EQ(read->map->external_port, 2121);
    EXPECT_EQ(read->map->lifetime, seconds(3600));
}

TEST(NatPmp, AnAddressIsRead) {
    const auto read = parse_nat_pmp(address_response);
    ASSERT_TRUE(read) << read.error().text();
    ASSERT_TRUE(read->address);
    EXPECT_EQ(read->operation, nat_pmp_operation::address);
    EXPECT_EQ(read->address->text(), "5.9.1.1");
    EXPECT_FALSE(read->map);
}

TEST(NatPmp, AnErrorMayHaveNoMapping) {
    for (std::uint8_t code = 2; code != 0; ++code) {
        const auto read = parse_nat_pmp(datagram{0, 130, 0, code, 0, 0, 0, 77});
        ASSERT_TRUE(read) << int{code};
        EXPECT_EQ(read->code, nat_pmp_result{code});
        EXPECT_EQ(read->operation, nat_pmp_operation::map_tcp);
        EXPECT_FALSE(read->map);
        EXPECT_FALSE(describe(read->code).empty());
    }
    EXPECT_FALSE(parse_nat_pmp(datagram{0, 130, 0, 0, 0, 0, 0, 77}));
}

TEST(NatPmp, AnErrorHasNoAddress) {
    auto failed = address_response;
    failed[3] = 3;
    const auto read = parse_nat_pmp(failed);
    ASSERT_TRUE(read);
    EXPECT_FALSE(read->address);
}

TEST(NatPmp, AnErrorKeepsTheOperation) {
    for (const auto opcode : std::initializer_list<std::uint8_t>{0, 1, 2, 3, 127})
        EXPECT_EQ(parse_nat_pmp(datagram{0, static_cast<std::uint8_t>(0x80U | opcode), 0, 5, 0, 0, 0, 77})->operation,
                  nat_pmp_operation{opcode});
}

TEST(NatPmp, AnotherVersionIsDistinguished) {
    auto pcp = map_response;
    pcp[0] = 2;
    for (const auto& each : {pcp, datagram{0, 130, 0, 1, 0, 0, 0, 77}}) {
        const auto read = parse_nat_pmp(each);
        ASSERT_FALSE(read);
        EXPECT_EQ(read.error().code, errc::unsupported);
    }
}

TEST(NatPmp, EachOtherLengthIsRefused) {
    for (const auto& whole : {map_response, address_response}) {
        for (std::size_t size = 0; size < whole.size(); ++size)
            EXPECT_FALSE(parse_nat_pmp(datagram_view(whole).first(size))) << size;
        auto longer = whole;
        longer.push_back(0);
        EXPECT_FALSE(parse_nat_pmp(longer));
    }
}

TEST(NatPmp, WhatIsNoResponseToOurRequestsIsRefused) {
    auto request = map_response;
    request[1] = 2;
    auto udp = map_response;
    udp[1] = 129;
    for (const auto& each : {request, udp}) {
        const auto read = parse_nat_pmp(each);
        ASSERT_FALSE(read);
        EXPECT_EQ(read.error().code, errc::syntax);
    }
}

}  // namespace
}  // namespace sallyport::reach
