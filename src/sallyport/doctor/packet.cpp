#include <sallyport/doctor/packet.hpp>

#include <algorithm>
#include <array>

namespace sallyport::doctor {

namespace {

constexpr std::uint16_t type_ipv4 = 0x0800;
constexpr std::uint16_t type_ipv6 = 0x86dd;
constexpr unsigned protocol_icmp = 1;
constexpr unsigned protocol_tcp = 6;
constexpr unsigned protocol_icmpv6 = 58;
constexpr std::size_t tcp_header = 20;

/// Bytes that are taken from the front; reading beyond the end gives zero and makes it invalid.
class bytes_left {
public:
    explicit bytes_left(std::string_view all) : left_(all) {}

    [[nodiscard]] unsigned number8(std::size_t at) const {
        return at < left_.size() ? static_cast<unsigned char>(left_[at]) : 0U;
    }
    [[nodiscard]] std::uint16_t number16(std::size_t at) const {
        return static_cast<std::uint16_t>(number8(at) << 8U | number8(at + 1));
    }
    [[nodiscard]] std::uint32_t number32(std::size_t at) const {
        return std::uint32_t{number16(at)} << 16U | std::uint32_t{number16(at + 2)};
    }
    [[nodiscard]] std::size_t size() const { return left_.size(); }
    [[nodiscard]] std::string_view rest(std::size_t at) const { return left_.substr(std::min(at, left_.size())); }

    [[nodiscard]] ip_address v4(std::size_t at) const {
        std::array<std::uint8_t, 4> out{};
        for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(number8(at + i));
        return ip_address::v4(out);
    }
    [[nodiscard]] ip_address v6(std::size_t at) const {
        std::array<std::uint8_t, 16> out{};
        for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(number8(at + i));
        return ip_address::v6(out);
    }

private:
    std::string_view left_;
};

/// An IP header with what follows it.
struct ip_content {
    ip_address from;
    ip_address to;
    unsigned ttl = 0;
    unsigned protocol = 0;
    std::string_view captured{};
    // On the wire; more than `captured` if the capture has the beginning of packets only.
    std::size_t size = 0;
};

[[nodiscard]] std::optional<ip_content> read_ipv4(std::string_view bytes) {
    const bytes_left in(bytes);
    const std::size_t header = std::size_t{in.number8(0) & 0x0fU} * 4;
    constexpr std::size_t min_header = 20;
    if (in.number8(0) >> 4U != 4 || header < min_header || in.size() < header) return std::nullopt;
    // A later fragment has no header of TCP.
    constexpr std::uint16_t offset_mask = 0x1fff;
    if ((in.number16(6) & offset_mask) != 0) return std::nullopt;
    ip_content out{in.v4(12), in.v4(16), in.number8(8), in.number8(9), in.rest(header), 0};
    // Where the network card cuts segments, the system leaves the length of large ones at zero.
    const std::size_t total = in.number16(2);
    out.size = total > header ? total - header : out.captured.size();
    // Short Ethernet frames are filled up.
    out.captured = out.captured.substr(0, std::min(out.captured.size(), out.size));
    return out;
}

[[nodiscard]] std::optional<ip_content> read_ipv6(std::string_view bytes) {
    constexpr std::size_t header = 40;
    const bytes_left in(bytes);
    if (in.number8(0) >> 4U != 6 || in.size() < header) return std::nullopt;
    ip_content out{in.v6(8), in.v6(24), in.number8(7), in.number8(6), in.rest(header), in.number16(4)};
    if (out.size == 0) out.size = out.captured.size();
    out.captured = out.captured.substr(0, std::min(out.captured.size(), out.size));
    constexpr unsigned max_extensions = 8;
    for (unsigned count = 0; count < max_extensions; ++count) {
        const bytes_left extension(out.captured);
        constexpr unsigned hop_by_hop = 0;
        constexpr unsigned routing = 43;
        constexpr unsigned fragment = 44;
        constexpr unsigned options = 60;
        const bool is_fragment = out.protocol == fragment;
        if (out.protocol != hop_by_hop && out.protocol != routing && out.protocol != options && !is_fragment) return out;
        constexpr std::uint16_t offset_mask = 0xfff8;
        if (is_fragment && (extension.number16(2) & offset_mask) != 0) return std::nullopt;
        const std::size_t length = is_fragment ? 8 : (std::size_t{extension.number8(1)} + 1) * 8;
        if (extension.size() < length) return std::nullopt;
        out.protocol = extension.number8(0);
        out.captured.remove_prefix(length);
        out.size -= std::min(out.size, length);
    }
    return std::nullopt;
}

[[nodiscard]] std::optional<ip_content> read_ip(std::string_view bytes) {
    if (bytes.empty()) return std::nullopt;
    return static_cast<unsigned char>(bytes[0]) >> 4U == 4 ? read_ipv4(bytes) : read_ipv6(bytes);
}

[[nodiscard]] std::optional<packet> read_tcp(const ip_content& ip) {
    const bytes_left in(ip.captured);
    if (in.size() < tcp_header) return std::nullopt;
    const std::size_t header = std::size_t{in.number8(12) >> 4U} * 4;
    if (header < tcp_header || header > ip.size) return std::nullopt;
    const auto flags = in.number8(13);
    packet out{.from = {ip.from, in.number16(0)}, .to = {ip.to, in.number16(2)}, .ttl = ip.ttl};
    out.sequence = in.number32(4);
    out.acknowledgment = in.number32(8);
    out.fin = (flags & 0x01U) != 0;
    out.syn = (flags & 0x02U) != 0;
    out.rst = (flags & 0x04U) != 0;
    out.ack = (flags & 0x10U) != 0;
    out.payload = in.rest(header);
    out.size = ip.size - header;
    return out;
}

/// An error quotes the header of the packet that it is about, and at least its first eight bytes.
[[nodiscard]] std::optional<packet> read_icmp(const ip_content& ip, bool v4) {
    constexpr std::size_t header = 8;
    const bytes_left in(ip.captured);
    const auto type = in.number8(0);
    // Unreachable, and time exceeded; for IPv6 too big a packet as well.
    const bool is_error = v4 ? type == 3 || type == 11 : type >= 1 && type <= 3;
    if (!is_error || in.size() < header) return std::nullopt;
    const auto quoted = read_ip(in.rest(header));
    if (!quoted || quoted->protocol != protocol_tcp || quoted->captured.size() < header) return std::nullopt;
    const bytes_left tcp(quoted->captured);
    packet out{.from = {quoted->from, tcp.number16(0)}, .to = {quoted->to, tcp.number16(2)}, .ttl = ip.ttl};
    out.sequence = tcp.number32(4);
    out.icmp = icmp_error{ip.from, static_cast<int>(type), static_cast<int>(in.number8(1))};
    return out;
}

/// After any VLAN tags.
[[nodiscard]] std::string_view content_of_frame(std::uint16_t type, std::string_view content) {
    constexpr std::size_t tag = 4;
    while (type == 0x8100 || type == 0x88a8 || type == 0x9100) {
        const bytes_left in(content);
        if (in.size() < tag) return {};
        type = in.number16(2);
        content = in.rest(tag);
    }
    return type == type_ipv4 || type == type_ipv6 ? content : std::string_view();
}

[[nodiscard]] std::string_view ip_in(link_layer link, std::string_view bytes) {
    const bytes_left in(bytes);
    switch (link) {
        case link_layer::ethernet: return content_of_frame(in.number16(12), in.rest(14));
        case link_layer::cooked: return content_of_frame(in.number16(14), in.rest(16));
        case link_layer::cooked_v2: return content_of_frame(in.number16(0), in.rest(20));
        // The family is in the byte order of the host that captured, and each system has numbers of its own for IPv6.
        case link_layer::null:
        case link_layer::loop: return in.rest(4);
        case link_layer::raw:
        case link_layer::ipv4:
        case link_layer::ipv6: return bytes;
    }
    return {};
}

}  // namespace

bool is_known(link_layer link) noexcept {
    switch (link) {
        case link_layer::null:
        case link_layer::ethernet:
        case link_layer::raw:
        case link_layer::loop:
        case link_layer::cooked:
        case link_layer::ipv4:
        case link_layer::ipv6:
        case link_layer::cooked_v2: return true;
    }
    return false;
}

std::optional<packet> read_packet(link_layer link, std::string_view bytes) {
    const auto ip = read_ip(ip_in(link, bytes));
    if (!ip) return std::nullopt;
    if (ip->protocol == protocol_tcp) return read_tcp(*ip);
    const bool v4 = ip->from.is_v4() && ip->protocol == protocol_icmp;
    if (v4 || ip->protocol == protocol_icmpv6) return read_icmp(*ip, v4);
    return std::nullopt;
}

}  // namespace sallyport::doctor
