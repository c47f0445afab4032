#include <sallyport/reach/stun.hpp>

#include <algorithm>
#include <set>
#include <string_view>
#include <tuple>
#include <vector>

#include <fmt/format.h>

#include <sallyport/base/limits.hpp>

namespace sallyport::reach {
namespace {

// RFC 8489 section 5.
constexpr std::uint32_t magic_cookie = 0x2112A442;
constexpr std::uint16_t binding_request = 0x0001;
constexpr std::uint16_t binding_success = 0x0101;
constexpr std::uint16_t binding_error = 0x0111;

// RFC 8489 section 18.3.
constexpr std::uint16_t error_code_attribute = 0x0009;
constexpr std::uint16_t xor_mapped_address = 0x0020;
/// An attribute below it must be understood by the receiver.
constexpr std::uint16_t first_optional_attribute = 0x8000;
/// Defined by RFC 8489, or by RFC 3489 before it, and irrelevant here: MAPPED-ADDRESS, RESPONSE-ADDRESS, CHANGE-REQUEST,
/// SOURCE-ADDRESS, CHANGED-ADDRESS, USERNAME, PASSWORD, MESSAGE-INTEGRITY, ERROR-CODE, UNKNOWN-ATTRIBUTES, REFLECTED-FROM,
/// REALM, NONCE, MESSAGE-INTEGRITY-SHA256, PASSWORD-ALGORITHM, USERHASH.
constexpr std::array<std::uint16_t, 16> ignored_attributes{0x0001, 0x0002, 0x0003, 0x0004, 0x0005, 0x0006, 0x0007, 0x0008,
                                                           0x0009, 0x000A, 0x000B, 0x0014, 0x0015, 0x001C, 0x001D, 0x001E};

constexpr std::size_t attribute_header_bytes = 4;

std::unexpected<error> malformed(std::string_view what) { return fail(errc::syntax, fmt::format("STUN answer: {}", what)); }

/// RFC 8489 section 14.2. The address is combined with the 16 bytes after type and length of the message: cookie and id.
template <std::size_t size>
std::array<std::uint8_t, size> unmask(datagram_view masked, datagram_view header) {
    auto out = bytes_at<size>(masked, 0);
    const auto mask = bytes_at<size>(header, 4);
    for (std::size_t i = 0; i < size; ++i) out[i] ^= mask[i];
    return out;
}

result<endpoint> parse_mapped_address(datagram_view value, datagram_view header) {
    constexpr std::size_t before_address = 4;
    constexpr std::uint8_t v4 = 1;
    constexpr std::uint8_t v6 = 2;
    if (value.size() < before_address) return malformed("its address is too short");
    const auto family = value[1];
    const auto address = value.subspan(before_address);
    endpoint out;
    if (family == v4 && address.size() == 4)
        out.address = ip_address::v4(unmask<4>(address, header));
    else if (family == v6 && address.size() == 16)
        out.address = ip_address::v6(unmask<16>(address, header));
    else
        return malformed("its address has an unknown family or a wrong length");
    out.port = static_cast<std::uint16_t>(u16_at(value, 2) ^ magic_cookie >> 16U);
    if (out.port == 0 || out.address.is_unspecified() || out.address.is_multicast())
        return malformed(fmt::format("{} is not the address of a host", out.text()));
    return out;
}

struct attribute {
    std::uint16_t type = 0;
    datagram_view value;
};

/// errc::syntax if they do not fill the message exactly.
result<std::vector<attribute>> split_attributes(datagram_view bytes) {
    std::vector<attribute> out;
    while (!bytes.empty()) {
        if (bytes.size() < attribute_header_bytes) return malformed("an attribute is cut off");
        const std::size_t size = u16_at(bytes, 2);
        const std::size_t padded = (size + 3) / 4 * 4;
        if (bytes.size() - attribute_header_bytes < padded) return malformed("an attribute is longer than the message");
        out.push_back({u16_at(bytes, 0), bytes.subspan(attribute_header_bytes, size)});
        bytes = bytes.subspan(attribute_header_bytes + padded);
    }
    return out;
}

/// RFC 8489 section 14.8.
std::unexpected<error> refusal(const std::vector<attribute>& attributes) {
    const auto found = std::ranges::find(attributes, error_code_attribute, &attribute::type);
    if (found == attributes.end() || found->value.size() < 4) return malformed("an error without a code");
    const int hundreds = found->value[2] & 7;
    return fail(errc::rejected, fmt::format("the STUN server refused with error {}", hundreds * 100 + found->value[3]));
}

}  // namespace

datagram stun_question(const stun_transaction& id) {
    datagram out;
    append_u16(out, binding_request);
    append_u16(out, 0);
    append_u32(out, magic_cookie);
    out.insert(out.end(), id.begin(), id.end());
    return out;
}

result<std::size_t> stun_message_size(datagram_view header) {
    const std::size_t size = u16_at(header, 2);
    const bool is_stun = (header[0] & 0xC0U) == 0 && size % 4 == 0 && u32_at(header, 4) == magic_cookie;
    if (!is_stun) return malformed("not a STUN message");
    if (stun_header_bytes + size > limits::max_stun_message) return fail(errc::too_long, "STUN answer");
    return stun_header_bytes + size;
}

result<endpoint> parse_stun_answer(datagram_view message, const stun_transaction& id) {
    if (message.size() < stun_header_bytes) return malformed("too short");
    const auto header = message.subspan(0, stun_header_bytes);
    const auto size = stun_message_size(header);
    if (!size) return std::unexpected(size.error());
    if (*size != message.size()) return malformed("its length differs from the one in its header");
    if (bytes_at<std::tuple_size_v<stun_transaction>>(header, 8) != id)
        return fail(errc::stray_reply, "STUN answer to another question");
    const auto type = u16_at(header, 0);
    if (type != binding_success && type != binding_error) return malformed("not an answer");
    const auto attributes = split_attributes(message.subspan(stun_header_bytes));
    if (!attributes) return std::unexpected(attributes.error());
    if (type == binding_error) return refusal(*attributes);
    for (const auto& each : *attributes) {
        const bool is_known = each.type == xor_mapped_address || each.type >= first_optional_attribute ||
                              std::ranges::find(ignored_attributes, each.type) != ignored_attributes.end();
        if (!is_known) return fail(errc::unsupported, fmt::format("the STUN answer requires attribute {:#06x}", each.type));
    }
    const auto found = std::ranges::find(*attributes, xor_mapped_address, &attribute::type);
    if (found == attributes->end()) return malformed("it has no XOR-MAPPED-ADDRESS");
    return parse_mapped_address(found->value, header);
}

std::optional<ip_address> agreed_address(std::span<const stun_observation> seen, const std::optional<ip_address>& router) {
    std::set<ip_address> confirmed;
    for (const auto& one : seen) {
        const auto& address = one.external.address;
        const bool by_another = std::ranges::any_of(seen, [&](const stun_observation& other) {
            return other.external.address == address && other.server.address != one.server.address;
        });
        if (by_another || address == router) confirmed.insert(address);
    }
    if (confirmed.size() != 1) return std::nullopt;
    return *confirmed.begin();
}

std::optional<ip_address> external_address(const std::optional<ip_address>& router, std::span<const stun_observation> seen) {
    const auto agreed = agreed_address(seen, router);
    if (agreed && agreed->is_public()) return agreed;
    return router && router->is_public() ? router : std::nullopt;
}

}  // namespace sallyport::reach
