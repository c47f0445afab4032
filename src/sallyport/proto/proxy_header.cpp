#include <sallyport/proto/proxy_header.hpp>

#include <algorithm>
#include <array>
#include <optional>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/limits.hpp>

namespace sallyport::proto {
namespace {

using state = parsed_proxy_header::state;

constexpr std::string_view v1_signature = "PROXY ";
constexpr std::string_view v1_min_size = "PROXY UNKNOWN\r\n";
// With CR LF, as specified.
constexpr std::size_t v1_max_size = 107;

constexpr std::string_view v2_signature("\r\n\r\n\0\r\nQUIT\n", 12);
// Signature, version and command, family, length.
constexpr std::size_t v2_fixed = 16;
// The version in the upper and the command in the lower four bits; the family in the upper and the transport in the lower
// ones.
constexpr std::uint8_t v2_local = 0x20;
constexpr std::uint8_t v2_proxy = 0x21;
constexpr std::uint8_t v2_unspecified = 0x00;
constexpr std::uint8_t v2_tcp4 = 0x11;
constexpr std::uint8_t v2_tcp6 = 0x21;
constexpr std::size_t v2_addresses4 = 12;
constexpr std::size_t v2_addresses6 = 36;

constexpr parsed_proxy_header bad{.status = state::bad, .bytes = 0, .header = {}};

[[nodiscard]] parsed_proxy_header more(std::size_t bytes) {
    return {.status = state::need_more, .bytes = bytes, .header = {}};
}

// ---- Version 1

/// Removes the next word from `line`, up to one blank.
[[nodiscard]] std::string_view next_field(std::string_view& line) noexcept {
    const auto word = line.substr(0, line.find(' '));
    line.remove_prefix(std::min(word.size() + 1, line.size()));
    return word;
}

[[nodiscard]] std::optional<ip_address> v1_address(std::string_view text, bool v6) {
    const bool shaped = (text.find(':') != std::string_view::npos) == v6 && text.find('%') == std::string_view::npos;
    return shaped ? ip_address::parse(text) : std::nullopt;
}

[[nodiscard]] std::optional<std::uint16_t> v1_port(std::string_view text) {
    if (text.size() > 1 && text.front() == '0') return std::nullopt;
    const auto number = parse_decimal(text, 65535);
    return number ? std::optional(static_cast<std::uint16_t>(*number)) : std::nullopt;
}

[[nodiscard]] parsed_proxy_header read_v1(std::string_view bytes) {
    const auto cr = bytes.substr(0, v1_max_size - 1).find('\r');
    if (cr == std::string_view::npos) {
        if (bytes.size() >= v1_max_size - 1) return bad;
        return more(bytes.size() < v1_min_size.size() ? v1_min_size.size() - bytes.size() : 2);
    }
    if (bytes.size() == cr + 1) return more(1);
    if (bytes[cr + 1] != '\n') return bad;

    auto line = bytes.substr(v1_signature.size(), cr - v1_signature.size());
    parsed_proxy_header out{.status = state::done, .bytes = cr + 2, .header = {}};
    const auto family = next_field(line);
    // The rest of the line is ignored.
    if (family == "UNKNOWN") return out;
    if (family != "TCP4" && family != "TCP6") return bad;
    const bool v6 = family == "TCP6";
    const auto source = v1_address(next_field(line), v6);
    const auto destination = v1_address(next_field(line), v6);
    const auto source_port = v1_port(next_field(line));
    // The rest of the line: nothing may follow the port.
    const auto destination_port = v1_port(line);
    if (!source || !destination || !source_port || !destination_port) return bad;
    out.header = {true, {*source, *source_port}, {*destination, *destination_port}};
    return out;
}

[[nodiscard]] std::string v1_text(const ip_address& address, bool v6) {
    auto text = address.text();
    // A zone names an interface of one host.
    text.resize(std::min(text.find('%'), text.size()));
    return v6 && address.is_v4() ? "::ffff:" + text : text;
}

[[nodiscard]] std::string write_v1(const proxy_header& h) {
    if (!h.proxied) return std::string(v1_min_size);
    const bool v6 = h.source.address.is_v6() || h.destination.address.is_v6();
    std::string out(v1_signature);
    out += v6 ? "TCP6 " : "TCP4 ";
    out += v1_text(h.source.address, v6) + ' ' + v1_text(h.destination.address, v6) + ' ';
    return out + std::to_string(h.source.port) + ' ' + std::to_string(h.destination.port) + "\r\n";
}

// ---- Version 2

[[nodiscard]] std::uint8_t byte_at(std::string_view bytes, std::size_t at) { return static_cast<std::uint8_t>(bytes[at]); }

[[nodiscard]] std::uint16_t number_at(std::string_view bytes, std::size_t at) {
    return static_cast<std::uint16_t>(byte_at(bytes, at) << 8U | byte_at(bytes, at + 1));
}

template <std::size_t Size>
[[nodiscard]] std::array<std::uint8_t, Size> array_at(std::string_view bytes, std::size_t at) {
    std::array<std::uint8_t, Size> out{};
    for (std::size_t i = 0; i < Size; ++i) out[i] = byte_at(bytes, at + i);
    return out;
}

/// Valid families and transports other than TCP over IP, which FTP cannot use.
[[nodiscard]] bool is_other_family(std::uint8_t family) noexcept {
    return family == v2_unspecified || ((family >> 4U) <= 3 && (family >> 4U) >= 1 && (family & 0xfU) <= 2);
}

[[nodiscard]] parsed_proxy_header read_v2(std::string_view bytes) {
    if (bytes.size() < v2_fixed) return more(v2_fixed - bytes.size());
    const auto command = byte_at(bytes, 12);
    if (command != v2_local && command != v2_proxy) return bad;
    const auto family = byte_at(bytes, 13);
    const std::size_t length = v2_fixed + number_at(bytes, 14);
    if (length > limits::max_proxy_header) return bad;
    if (bytes.size() < length) return more(length - bytes.size());
    parsed_proxy_header out{.status = state::done, .bytes = length, .header = {}};
    // The family and the addresses are ignored.
    if (command == v2_local) return out;
    if (family == v2_tcp4) {
        if (length < v2_fixed + v2_addresses4) return bad;
        out.header.source.address = ip_address::v4(array_at<4>(bytes, 16));
        out.header.destination.address = ip_address::v4(array_at<4>(bytes, 20));
        out.header.source.port = number_at(bytes, 24);
        out.header.destination.port = number_at(bytes, 26);
    } else if (family == v2_tcp6) {
        if (length < v2_fixed + v2_addresses6) return bad;
        out.header.source.address = ip_address::v6(array_at<16>(bytes, 16));
        out.header.destination.address = ip_address::v6(array_at<16>(bytes, 32));
        out.header.source.port = number_at(bytes, 48);
        out.header.destination.port = number_at(bytes, 50);
    } else {
        return is_other_family(family) ? out : bad;
    }
    out.header.proxied = true;
    return out;
}

void append_number(std::string& out, std::size_t number) {
    out += static_cast<char>(number >> 8U & 0xffU);
    out += static_cast<char>(number & 0xffU);
}

void append_address(std::string& out, const ip_address& address, bool v6) {
    if (v6 && address.is_v4()) out.append(10, '\0').append(2, '\xff');
    const std::size_t size = address.is_v4() ? 4 : 16;
    for (std::size_t i = 0; i < size; ++i) out += static_cast<char>(address.bytes()[i]);
}

[[nodiscard]] std::string write_v2(const proxy_header& h) {
    const bool v6 = h.source.address.is_v6() || h.destination.address.is_v6();
    std::string out(v2_signature);
    out += static_cast<char>(h.proxied ? v2_proxy : v2_local);
    out += static_cast<char>(!h.proxied ? v2_unspecified : v6 ? v2_tcp6 : v2_tcp4);
    append_number(out, !h.proxied ? 0 : v6 ? v2_addresses6 : v2_addresses4);
    if (!h.proxied) return out;
    append_address(out, h.source.address, v6);
    append_address(out, h.destination.address, v6);
    append_number(out, h.source.port);
    append_number(out, h.destination.port);
    return out;
}

}  // namespace

parsed_proxy_header parse_proxy_header(std::string_view bytes) {
    const auto begins = [&](std::string_view signature) {
        const auto size = std::min(bytes.size(), signature.size());
        return bytes.substr(0, size) == signature.substr(0, size);
    };
    // The shortest possible header.
    if (bytes.empty()) return more(v1_min_size.size());
    if (begins(v1_signature)) return read_v1(bytes);
    if (begins(v2_signature)) return read_v2(bytes);
    return bad;
}

std::string write_proxy_header(const proxy_header& header, proxy_version version) {
    return version == proxy_version::v1 ? write_v1(header) : write_v2(header);
}

}  // namespace sallyport::proto
