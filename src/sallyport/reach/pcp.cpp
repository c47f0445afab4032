#include <sallyport/reach/pcp.hpp>

#include <algorithm>

#include <fmt/format.h>

namespace sallyport::reach {
namespace {

constexpr std::uint8_t pcp_version = 2;
constexpr std::uint8_t announce_opcode = 0;
constexpr std::uint8_t map_opcode = 1;
constexpr std::uint8_t pcp_response_bit = 0x80;
constexpr std::uint8_t pcp_tcp = 6;
constexpr std::size_t header_size = 24;
constexpr std::size_t map_size = 36;

void append_header(datagram& to, std::uint8_t opcode, std::chrono::seconds lifetime, const ip_address& client) {
    to.push_back(pcp_version);
    to.push_back(opcode);
    append_u16(to, 0);
    append_u32(to, static_cast<std::uint32_t>(lifetime.count()));
    append_address(to, client);
}

}  // namespace

std::string_view describe(pcp_result code) noexcept {
    switch (code) {
        case pcp_result::success: return "success";
        case pcp_result::unsupported_version: return "unsupported version";
        case pcp_result::not_authorized: return "not authorized";
        case pcp_result::malformed_request: return "malformed request";
        case pcp_result::unsupported_opcode: return "unsupported operation";
        case pcp_result::unsupported_option: return "unsupported option";
        case pcp_result::malformed_option: return "malformed option";
        case pcp_result::network_failure: return "network failure";
        case pcp_result::no_resources: return "no resources";
        case pcp_result::unsupported_protocol: return "unsupported transport protocol";
        case pcp_result::user_exceeded_quota: return "quota exceeded";
        case pcp_result::cannot_provide_external: return "the external port is not available";
        case pcp_result::address_mismatch: return "address mismatch: another NAT is on the path";
        case pcp_result::excessive_remote_peers: return "too many remote peers";
    }
    return "unknown result";
}

datagram encode(const pcp_map_request& request) {
    datagram out;
    out.reserve(header_size + map_size);
    append_header(out, map_opcode, request.lifetime, request.client);
    out.insert(out.end(), request.nonce.begin(), request.nonce.end());
    out.push_back(pcp_tcp);
    out.insert(out.end(), 3, 0);
    append_u16(out, request.local_port);
    append_u16(out, request.suggested.port);
    append_address(out, request.suggested.address);
    return out;
}

datagram encode_pcp_announce(const ip_address& client) {
    datagram out;
    append_header(out, announce_opcode, {}, client);
    return out;
}

result<pcp_response> parse_pcp(datagram_view from) {
    if (from.size() < 2 || (from[1] & pcp_response_bit) == 0) return fail(errc::syntax, "not a response of PCP");
    if (from[0] != pcp_version)
        return fail(errc::unsupported,
                    fmt::format("the router has version {} of the protocol, not {}", from[0], pcp_version));
    if (from.size() < header_size || from.size() > max_pcp_message || from.size() % 4 != 0)
        return fail(errc::syntax, fmt::format("a response of PCP has {} bytes", from.size()));
    const auto opcode = static_cast<std::uint8_t>(from[1] & ~pcp_response_bit);
    pcp_response out{.code = pcp_result{from[3]},
                     .lifetime = std::chrono::seconds(u32_at(from, 4)),
                     .epoch = u32_at(from, 8),
                     .map = std::nullopt};
    if (out.code == pcp_result::unsupported_version) return fail(errc::unsupported, "the router has no version 2 of PCP");
    if (opcode == announce_opcode) return out;
    if (opcode != map_opcode) return fail(errc::syntax, fmt::format("a response of PCP has the opcode {}", opcode));
    if (from.size() < header_size + map_size)
        return fail(errc::syntax, fmt::format("a response of PCP about a mapping has {} bytes", from.size()));
    const auto map = from.subspan(header_size);
    if (map[12] != pcp_tcp) return fail(errc::syntax, fmt::format("a response of PCP is about the IP protocol {}", map[12]));
    out.map = pcp_map_response{
        .nonce = bytes_at<12>(map, 0), .local_port = u16_at(map, 16), .external = {address_at(map, 20), u16_at(map, 18)}};
    return out;
}

}  // namespace sallyport::reach
