#include <sallyport/reach/nat_pmp.hpp>

#include <fmt/format.h>

namespace sallyport::reach {
namespace {

constexpr std::uint8_t nat_pmp_version = 0;
constexpr auto address_opcode = static_cast<std::uint8_t>(nat_pmp_operation::address);
constexpr auto map_tcp_opcode = static_cast<std::uint8_t>(nat_pmp_operation::map_tcp);
constexpr std::uint8_t nat_pmp_answer_bit = 0x80;
constexpr std::size_t error_answer_size = 8;
constexpr std::size_t address_answer_size = 12;
constexpr std::size_t map_answer_size = 16;

[[nodiscard]] std::unexpected<error> wrong_size(std::size_t size) {
    return fail(errc::syntax, fmt::format("a response of NAT-PMP has {} bytes", size));
}

}  // namespace

std::string_view describe(nat_pmp_result code) noexcept {
    switch (code) {
        case nat_pmp_result::success: return "success";
        case nat_pmp_result::unsupported_version: return "unsupported version";
        case nat_pmp_result::not_authorized: return "not authorized";
        case nat_pmp_result::network_failure: return "network failure: the router has no external address";
        case nat_pmp_result::out_of_resources: return "out of resources";
        case nat_pmp_result::unsupported_opcode: return "unsupported operation";
    }
    return "unknown result";
}

datagram encode(const nat_pmp_map_request& request) {
    datagram out{nat_pmp_version, map_tcp_opcode, 0, 0};
    append_u16(out, request.local_port);
    append_u16(out, request.suggested_port);
    append_u32(out, static_cast<std::uint32_t>(request.lifetime.count()));
    return out;
}

datagram encode_nat_pmp_address_request() { return {nat_pmp_version, address_opcode}; }

result<nat_pmp_response> parse_nat_pmp(datagram_view from) {
    if (from.size() < 2 || (from[1] & nat_pmp_answer_bit) == 0) return fail(errc::syntax, "not a response of NAT-PMP");
    if (from[0] != nat_pmp_version)
        return fail(errc::unsupported, fmt::format("the router has version {} of the protocol, not 0", from[0]));
    if (from.size() < error_answer_size || from.size() > map_answer_size) return wrong_size(from.size());
    const auto opcode = static_cast<std::uint8_t>(from[1] & ~nat_pmp_answer_bit);
    nat_pmp_response out{.operation = nat_pmp_operation{opcode},
                         .code = nat_pmp_result{u16_at(from, 2)},
                         .epoch = u32_at(from, 4),
                         .address = std::nullopt,
                         .map = std::nullopt};
    if (out.code == nat_pmp_result::unsupported_version)
        return fail(errc::unsupported, "the router has no version 0 of the protocol");
    if (opcode == address_opcode) {
        if (out.code != nat_pmp_result::success) return out;
        if (from.size() != address_answer_size) return wrong_size(from.size());
        out.address = ip_address::v4(bytes_at<4>(from, 8));
    } else if (opcode == map_tcp_opcode) {
        if (from.size() == map_answer_size)
            out.map = nat_pmp_map_response{.local_port = u16_at(from, 8),
                                           .external_port = u16_at(from, 10),
                                           .lifetime = std::chrono::seconds(u32_at(from, 12))};
        else if (out.code == nat_pmp_result::success)
            return wrong_size(from.size());
    } else if (out.code == nat_pmp_result::success) {
        return fail(errc::syntax, fmt::format("a response of NAT-PMP has the opcode {}", opcode));
    }
    return out;
}

}  // namespace sallyport::reach
