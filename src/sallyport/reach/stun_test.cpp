#include <sallyport/reach/stun.hpp>

#include <gtest/gtest.h>

#include <sallyport/base/limits.hpp>

namespace sallyport::reach {
namespace {

using namespace std::string_literals;

// The transaction of the samples in RFC 5769, sections 2.2 and 2.3.
constexpr stun_transaction sample_id{0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae};
constexpr std::string_view sample_id_text("\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae", 12);

/// A message of the sample's transaction with these attributes.
std::string message(std::uint16_t type, const std::string& attributes) {
    std::string out;
    for (const auto number : {type, static_cast<std::uint16_t>(attributes.size())}) {
        out += static_cast<char>(number >> 8U);
        out += static_cast<char>(number & 0xFFU);
    }
    return out + "\x21\x12\xA4\x42"s + std::string(sample_id_text) + attributes;
}

constexpr std::uint16_t success = 0x0101;
constexpr std::uint16_t failure = 0x0111;
/// 192.0.2.1:32853
const std::string mapped_v4 = "\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43"s;
/// [2001:db8:1234:5678:11:2233:4455:6677]:32853
const std::string mapped_v6 =
    "\x00\x20\x00\x14\x00\x02\xa1\x47\x01\x13\xa9\xfa\xa5\xd3\xf1\x79\xbc\x25\xf4\xb5\xbe\xd2\xb9\xd9"s;
const std::string software = "\x80\x22\x00\x0btest vector "s;

datagram_view view(std::string_view bytes) { return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}; }

result<endpoint> parse(const std::string& bytes, const stun_transaction& id = sample_id) {
    return parse_stun_answer(view(bytes), id);
}

errc failure_of(const std::string& bytes) {
    const auto got = parse(bytes);
    return got ? errc::misuse : got.error().code;
}

TEST(Stun, AsksWithoutAttributes) {
    const auto question = stun_question(sample_id);
    EXPECT_EQ(std::string(question.begin(), question.end()), message(0x0001, ""));
    EXPECT_EQ(question.size(), stun_header_bytes);
}

TEST(Stun, ReadsTheSampleAnswersOfRfc5769) {
    const auto v4 = parse(message(success, software + mapped_v4));
    ASSERT_TRUE(v4) << v4.error().text();
    EXPECT_EQ(v4->text(), "192.0.2.1:32853");
    const auto v6 = parse(message(success, software + mapped_v6));
    ASSERT_TRUE(v6) << v6.error().text();
    EXPECT_EQ(v6->text(), "[2001:db8:1234:5678:11:2233:4455:6677]:32853");
}

TEST(Stun, RejectsAnAnswerToAnotherQuestion) {
    auto other = sample_id;
    other.back() ^= 1U;
    const auto got = parse(message(success, mapped_v4), other);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, errc::stray_reply);
}

TEST(Stun, RejectsEveryTruncatedAndExtendedAnswer) {
    const auto whole = message(success, software + mapped_v4);
    for (std::size_t size = 0; size < whole.size(); ++size)
        EXPECT_EQ(failure_of(whole.substr(0, size)), errc::syntax) << size;
    EXPECT_EQ(failure_of(whole + '\0'), errc::syntax);
    EXPECT_EQ(failure_of(whole + whole), errc::syntax);
}

TEST(Stun, RejectsMalformedAnswers) {
    // The question itself, an indication, and no address at all.
    EXPECT_EQ(failure_of(message(0x0001, mapped_v4)), errc::syntax);
    EXPECT_EQ(failure_of(message(0x0011, mapped_v4)), errc::syntax);
    EXPECT_EQ(failure_of(message(success, "")), errc::syntax);
    EXPECT_EQ(failure_of(message(success, software)), errc::syntax);
    // MAPPED-ADDRESS, which devices on the way are known to rewrite.
    EXPECT_EQ(failure_of(message(success, "\x00\x01\x00\x08\x00\x01\x80\x55\xc0\x00\x02\x01"s)), errc::syntax);
    // A family with the address of the other one, a family that does not exist, and an attribute that is too long.
    EXPECT_EQ(failure_of(message(success, "\x00\x20\x00\x08\x00\x02\xa1\x47\xe1\x12\xa6\x43"s)), errc::syntax);
    EXPECT_EQ(failure_of(message(success, "\x00\x20\x00\x08\x00\x03\xa1\x47\xe1\x12\xa6\x43"s)), errc::syntax);
    EXPECT_EQ(failure_of(message(success, "\x00\x20\x00\x09\x00\x01\xa1\x47\xe1\x12\xa6\x43"s)), errc::syntax);
    EXPECT_EQ(failure_of(message(success, "\x00\x20\x00\x00"s)), errc::syntax);
    // 192.0.2.1 with port 0, 0.0.0.0, 224.0.0.1.
    EXPECT_EQ(failure_of(message(success, "\x00\x20\x00\x08\x00\x01\x21\x12\xe1\x12\xa6\x43"s)), errc::syntax);
    EXPECT_EQ(failure_of(message(success, "\x00\x20\x00\x08\x00\x01\xa1\x47\x21\x12\xa4\x42"s)), errc::syntax);
    EXPECT_EQ(failure_of(message(success, "\x00\x20\x00\x08\x00\x01\xa1\x47\xc1\x12\xa4\x43"s)), errc::syntax);
}

TEST(Stun, RejectsMessagesOfOtherProtocols) {
    auto cookie = message(success, mapped_v4);
    cookie[4] ^= 1;
    EXPECT_EQ(failure_of(cookie), errc::syntax);
    auto type = message(success, mapped_v4);
    type[0] = static_cast<char>(0x41);
    EXPECT_EQ(failure_of(type), errc::syntax);
    EXPECT_EQ(failure_of("220 FTP server ready, and what else follows\r\n"), errc::syntax);
}

TEST(Stun, ReportsTheCodeOfAnErrorAnswer) {
    const auto got = parse(message(failure, "\x00\x09\x00\x08\x00\x00\x05\x00oops"s));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, errc::rejected);
    EXPECT_EQ(got.error().what, "the STUN server refused with error 500");
    EXPECT_EQ(failure_of(message(failure, "")), errc::syntax);
    EXPECT_EQ(failure_of(message(failure, "\x00\x09\x00\x02\x00\x00\x00\x00"s)), errc::syntax);
}

TEST(Stun, AcceptsOnlyAttributesThatMayBeIgnored) {
    EXPECT_TRUE(parse(message(success, mapped_v4 + "\xff\xff\x00\x00"s)));
    EXPECT_TRUE(parse(message(success, mapped_v4 + "\x00\x05\x00\x00"s)));
    EXPECT_EQ(failure_of(message(success, mapped_v4 + "\x7f\xff\x00\x00"s)), errc::unsupported);
}

TEST(Stun, KnowsTheSizeOfAMessageFromItsHeader) {
    const auto whole = message(success, software + mapped_v4);
    EXPECT_EQ(stun_message_size(view(whole).first(stun_header_bytes)).value(), whole.size());
    auto huge = whole;
    huge[2] = static_cast<char>(0xFF);
    const auto size = stun_message_size(view(huge));
    ASSERT_FALSE(size);
    EXPECT_EQ(size.error().code, errc::too_long);
    auto odd = whole;
    odd[3] = static_cast<char>(odd[3] + 1);
    EXPECT_EQ(stun_message_size(view(odd)).error().code, errc::syntax);
}

stun_observation seen(const char* server, const char* external) {
    return {.server = *endpoint::parse(server),
            .local = *endpoint::parse("192.168.77.10:5000"),
            .external = *endpoint::parse(external)};
}

const ip_address outside = *ip_address::parse("5.9.1.1");

// S3: a single answer could be forged by every host that sees the question.
TEST(StunAgreement, OneAnswerIsNotEnough) {
    const std::array one{seen("5.9.1.2:3478", "5.9.1.1:5000")};
    EXPECT_EQ(agreed_address(one, std::nullopt), std::nullopt);
    EXPECT_EQ(agreed_address(one, ip_address::parse("5.9.1.9")), std::nullopt);
    EXPECT_EQ(agreed_address(one, outside), outside);
    EXPECT_EQ(agreed_address({}, outside), std::nullopt);
}

TEST(StunAgreement, TwoServersMustBeTwoHosts) {
    const std::array same_host{seen("5.9.1.2:3478", "5.9.1.1:5000"), seen("5.9.1.2:3479", "5.9.1.1:5001")};
    EXPECT_EQ(agreed_address(same_host, std::nullopt), std::nullopt);
    const std::array two_hosts{seen("5.9.1.2:3478", "5.9.1.1:5000"), seen("5.9.1.3:3478", "5.9.1.1:5001")};
    EXPECT_EQ(agreed_address(two_hosts, std::nullopt), outside);
}

TEST(StunAgreement, OfThreeServersTwoDecide) {
    const std::array three{seen("5.9.1.2:3478", "5.9.1.1:5000"), seen("5.9.1.3:3478", "6.6.6.6:5000"),
                           seen("5.9.1.4:3478", "5.9.1.1:5000")};
    EXPECT_EQ(agreed_address(three, std::nullopt), outside);
}

TEST(StunAgreement, TwoConfirmedAddressesAreNone) {
    const std::array differ{seen("5.9.1.2:3478", "5.9.1.1:5000"), seen("5.9.1.3:3478", "6.6.6.6:5000")};
    EXPECT_EQ(agreed_address(differ, std::nullopt), std::nullopt);
    EXPECT_EQ(agreed_address(differ, outside), outside);
    const std::array against_router{seen("5.9.1.2:3478", "5.9.1.1:5000"), seen("5.9.1.3:3478", "6.6.6.6:5000"),
                                    seen("5.9.1.4:3478", "6.6.6.6:5000")};
    EXPECT_EQ(agreed_address(against_router, outside), std::nullopt);
}

// S3: the address of a mapping, unless other hosts see another one.
TEST(StunAgreement, TheRouterCountsUnlessTwoServersContradictIt) {
    const std::array one{seen("5.9.1.2:3478", "6.6.6.6:5000")};
    const std::array two{seen("5.9.1.2:3478", "6.6.6.6:5000"), seen("5.9.1.3:3478", "6.6.6.6:5000")};
    const auto another = *ip_address::parse("6.6.6.6");
    EXPECT_EQ(external_address(outside, {}), outside);
    EXPECT_EQ(external_address(outside, one), outside);
    EXPECT_EQ(external_address(outside, two), another);
    EXPECT_EQ(external_address(std::nullopt, one), std::nullopt);
    EXPECT_EQ(external_address(std::nullopt, two), another);
    // A router with another NAT before it.
    const auto shared = ip_address::parse("100.64.0.9");
    EXPECT_EQ(external_address(shared, {}), std::nullopt);
    EXPECT_EQ(external_address(shared, one), std::nullopt);
    EXPECT_EQ(external_address(shared, two), another);
    // Servers in the same private network say nothing.
    const std::array inside{seen("10.0.0.2:3478", "192.168.77.10:5000"), seen("10.0.0.3:3478", "192.168.77.10:5000")};
    EXPECT_EQ(external_address(std::nullopt, inside), std::nullopt);
    EXPECT_EQ(external_address(outside, inside), outside);
}

}  // namespace
}  // namespace sallyport::reach
