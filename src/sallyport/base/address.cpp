#include <sallyport/base/address.hpp>
#include <sallyport/base/ascii.hpp>

#include <algorithm>
#include <bit>
#include <cstring>

#include <arpa/inet.h>
#include <net/if.h>

namespace sallyport {
namespace {

constexpr std::array<std::uint8_t, 12> mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

std::optional<std::uint16_t> parse_port(std::string_view text) {
    const auto value = parse_decimal(text, 65535);
    if (!value) return std::nullopt;
    return static_cast<std::uint16_t>(*value);
}

}  // namespace

bool is_same_host(const ip_address& a, const ip_address& b) noexcept {
    return a.is_v4() == b.is_v4() && a.bytes() == b.bytes();
}

unsigned common_bits(const ip_address& a, const ip_address& b) noexcept {
    const auto [left, right] = std::ranges::mismatch(a.bytes(), b.bytes());
    if (left == a.bytes().end()) return 128;
    const auto equal_bits = static_cast<unsigned>(left - a.bytes().begin()) * 8;
    return equal_bits + static_cast<unsigned>(std::countl_zero(static_cast<std::uint8_t>(*left ^ *right)));
}

ip_address ip_address::v4(std::array<std::uint8_t, 4> bytes) noexcept {
    ip_address a;
    std::ranges::copy(bytes, a.bytes_.begin());
    return a;
}

ip_address ip_address::v6(std::array<std::uint8_t, 16> bytes, std::uint32_t scope) noexcept {
    if (std::equal(mapped_prefix.begin(), mapped_prefix.end(), bytes.begin())) {
        return v4({bytes[12], bytes[13], bytes[14], bytes[15]});
    }
    ip_address a;
    a.v4_ = false;
    a.bytes_ = bytes;
    a.scope_ = scope;
    return a;
}

std::optional<ip_address> ip_address::parse(std::string_view text) {
    if (text.empty() || text.size() > 64 || text.find('\0') != std::string_view::npos) return std::nullopt;
    std::string host(text);
    std::array<std::uint8_t, 4> four{};
    if (inet_pton(AF_INET, host.c_str(), four.data()) == 1) return v4(four);
    std::uint32_t scope = 0;
    if (const auto percent = host.find('%'); percent != std::string::npos) {
        const std::string zone = host.substr(percent + 1);
        const auto number = parse_decimal(zone, UINT32_MAX);
        scope = number ? static_cast<std::uint32_t>(*number) : if_nametoindex(zone.c_str());
        if (scope == 0) return std::nullopt;
        host.resize(percent);
    }
    std::array<std::uint8_t, 16> sixteen{};
    if (inet_pton(AF_INET6, host.c_str(), sixteen.data()) != 1) return std::nullopt;
    return v6(sixteen, scope);
}

std::array<std::uint8_t, 4> ip_address::v4_bytes() const noexcept { return {bytes_[0], bytes_[1], bytes_[2], bytes_[3]}; }

bool ip_address::is_unspecified() const noexcept {
    return std::ranges::all_of(bytes_, [](std::uint8_t b) { return b == 0; });
}

bool ip_address::is_loopback() const noexcept {
    if (v4_) return bytes_[0] == 127;
    return std::all_of(bytes_.begin(), bytes_.end() - 1, [](std::uint8_t b) { return b == 0; }) && bytes_[15] == 1;
}

bool ip_address::is_multicast() const noexcept { return v4_ ? bytes_[0] >= 224 && bytes_[0] < 240 : bytes_[0] == 0xff; }

bool ip_address::is_link_local() const noexcept {
    return v4_ ? bytes_[0] == 169 && bytes_[1] == 254 : bytes_[0] == 0xfe && (bytes_[1] & 0xc0U) == 0x80U;
}

bool ip_address::is_private() const noexcept {
    if (!v4_) return (bytes_[0] & 0xfeU) == 0xfcU;
    return bytes_[0] == 10 || (bytes_[0] == 172 && (bytes_[1] & 0xf0U) == 16) || (bytes_[0] == 192 && bytes_[1] == 168) ||
           (bytes_[0] == 100 && (bytes_[1] & 0xc0U) == 64);
}

bool ip_address::is_public() const noexcept {
    const bool reserved = v4_ && (bytes_[0] == 0 || bytes_[0] >= 240);
    return !reserved && !is_unspecified() && !is_loopback() && !is_multicast() && !is_link_local() && !is_private();
}

ip_address ip_address::client_network() const noexcept {
    if (v4_ || is_link_local()) return *this;
    ip_address out = *this;
    std::fill(out.bytes_.begin() + 8, out.bytes_.end(), std::uint8_t{0});
    out.scope_ = 0;
    return out;
}

std::string ip_address::text() const {
    // Not by inet_ntop, which uses sprintf: a server formats its clients' addresses very often.
    if (v4_) {
        const auto octet = [this](std::size_t i) { return std::to_string(bytes_.at(i)); };
        return octet(0) + '.' + octet(1) + '.' + octet(2) + '.' + octet(3);
    }
    std::array<char, INET6_ADDRSTRLEN> buffer{};
    inet_ntop(AF_INET6, bytes_.data(), buffer.data(), buffer.size());
    std::string out(buffer.data());
    if (scope_ != 0) out += "%" + std::to_string(scope_);
    return out;
}

std::optional<endpoint> endpoint::parse(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    std::string_view host = text.substr(0, colon);
    const auto port = parse_port(text.substr(colon + 1));
    if (!port) return std::nullopt;
    if (host.empty() || host == "*") return endpoint{ip_address(), *port};
    const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    const auto address = ip_address::parse(host);
    if (!address || (address->is_v6() && !bracketed)) return std::nullopt;
    return endpoint{*address, *port};
}

std::string endpoint::text() const {
    return (address.is_v4() ? address.text() : "[" + address.text() + "]") + ":" + std::to_string(port);
}

std::optional<ip_network> ip_network::parse(std::string_view text) {
    const auto slash = text.find('/');
    const auto address = ip_address::parse(text.substr(0, slash));
    if (!address || address->scope() != 0) return std::nullopt;
    const unsigned width = address->is_v4() ? 32 : 128;
    const auto bits =
        slash == std::string_view::npos ? std::optional<std::uint64_t>(width) : parse_decimal(text.substr(slash + 1), width);
    if (!bits) return std::nullopt;
    ip_network n;
    n.prefix_ = static_cast<unsigned>(*bits);
    const auto& bytes = address->bytes();
    for (unsigned bit = n.prefix_; bit < width; ++bit) {
        const unsigned byte = bytes[bit / 8];
        if ((byte >> (7 - bit % 8) & 1U) != 0) return std::nullopt;
    }
    n.base_ = *address;
    return n;
}

bool ip_network::contains(const ip_address& a) const noexcept {
    return a.is_v4() == base_.is_v4() && common_bits(a, base_) >= prefix_;
}

std::string ip_network::text() const { return base_.text() + "/" + std::to_string(prefix_); }

std::optional<port_range> port_range::parse(std::string_view text) {
    const auto dash = text.find('-');
    const auto first = parse_port(text.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_port(text.substr(dash + 1));
    if (!first || !last || *first == 0 || *last < *first) return std::nullopt;
    return port_range{*first, *last};
}

std::string port_range::text() const {
    return first == last ? std::to_string(first) : std::to_string(first) + "-" + std::to_string(last);
}

}  // namespace sallyport

std::size_t std::hash<sallyport::ip_address>::operator()(const sallyport::ip_address& a) const noexcept {
    const auto& b = a.bytes();
    return std::hash<std::string_view>{}(
        std::string_view(reinterpret_cast<const char*>(b.data()), a.is_v4() ? 4 : b.size()));
}
