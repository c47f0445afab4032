#include <sallyport/base/ascii.hpp>
#include <sallyport/proto/host_port.hpp>

#include <algorithm>
#include <array>
#include <cstddef>

namespace sallyport::proto {
namespace {

// For EPRT and 229. IPv6 text has at most 45 bytes.
constexpr std::size_t max_field_size = 64;

[[nodiscard]] std::optional<std::uint16_t> parse_port(std::string_view text) noexcept {
    if (text.size() > 5) return std::nullopt;
    const auto value = parse_decimal(text, 65535);
    if (!value || *value == 0) return std::nullopt;
    return static_cast<std::uint16_t>(*value);
}

enum class after_comma : bool { nothing, blanks };

// The size of six comma-separated numbers of one to three digits at the start of `text`, or 0.
[[nodiscard]] std::size_t six_numbers(std::string_view text, std::array<unsigned, 6>& numbers,
                                      after_comma between = after_comma::nothing) noexcept {
    std::size_t at = 0;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        if (i > 0 && (at >= text.size() || text[at++] != ',')) return 0;
        while (i > 0 && between == after_comma::blanks && at < text.size() && text[at] == ' ') ++at;
        const auto start = at;
        numbers[i] = 0;
        while (at < text.size() && is_digit(text[at])) {
            if (at - start == 3) return 0;
            numbers[i] = numbers[i] * 10 + static_cast<unsigned>(text[at++] - '0');
        }
        if (at == start) return 0;
    }
    return at;
}

[[nodiscard]] std::optional<endpoint> to_endpoint(const std::array<unsigned, 6>& numbers) noexcept {
    for (const auto number : numbers) {
        if (number > 255) return std::nullopt;
    }
    const auto port = static_cast<std::uint16_t>(numbers[4] * 256 + numbers[5]);
    if (port == 0) return std::nullopt;
    const auto octet = [&](std::size_t i) { return static_cast<std::uint8_t>(numbers[i]); };
    return endpoint{ip_address::v4({octet(0), octet(1), octet(2), octet(3)}), port};
}

// "<d>first<d>second<d>third<d>" at the start of `text`; d is any of ASCII 33 to 126 (RFC 2428, section 2).
struct three_fields {
    std::string_view first, second, third;
    // The total size; 0 if the text has another form.
    std::size_t bytes = 0;
};
[[nodiscard]] three_fields split_fields(std::string_view text) noexcept {
    if (text.empty() || text[0] < 33 || text[0] > 126) return {};
    std::array<std::string_view, 3> fields;
    std::size_t at = 1;
    for (auto& field : fields) {
        const auto end = text.substr(at, max_field_size + 1).find(text[0]);
        if (end == std::string_view::npos) return {};
        field = text.substr(at, end);
        at += end + 1;
    }
    return {fields[0], fields[1], fields[2], at};
}

// A zone names an interface of one host: it is never sent, and refused in received addresses.
[[nodiscard]] std::string without_zone(std::string text) {
    text.resize(std::min(text.find('%'), text.size()));
    return text;
}

[[nodiscard]] std::string six(const endpoint& e) {
    std::string out;
    for (const unsigned octet : e.address.v4_bytes()) out += std::to_string(octet) + ',';
    return out + std::to_string(e.port >> 8U) + ',' + std::to_string(e.port & 0xffU);
}

}  // namespace

result<endpoint> parse_host_port(std::string_view text) {
    std::array<unsigned, 6> numbers{};
    const bool shaped = six_numbers(text, numbers, after_comma::blanks) == text.size() && !text.empty();
    if (const auto e = shaped ? to_endpoint(numbers) : std::nullopt) return *e;
    return fail(errc::syntax, "PORT requires six numbers from 0 to 255 (h1,h2,h3,h4,p1,p2) and a port other than 0");
}

std::string format_host_port(const endpoint& e) { return six(e); }

result<endpoint> parse_227(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (!is_digit(text[i])) continue;
        std::array<unsigned, 6> numbers{};
        const auto bytes = six_numbers(text.substr(i), numbers);
        const auto after = i + bytes;
        const bool alone = after >= text.size() || (!is_digit(text[after]) && text[after] != ',');
        if (bytes != 0 && alone) {
            if (const auto e = to_endpoint(numbers)) return *e;
            break;
        }
        // The form cannot start later in this run of numbers.
        while (i + 1 < text.size() && (is_digit(text[i + 1]) || text[i + 1] == ',')) ++i;
    }
    return fail(errc::syntax,
                "The server's 227 reply names no usable address and port: " + std::string(text.substr(0, 200)));
}

std::string format_227(const endpoint& e) { return "Entering Passive Mode (" + six(e) + ")"; }

result<endpoint> parse_eprt(std::string_view text) {
    const auto fields = split_fields(text);
    if (fields.bytes == 0 || fields.bytes != text.size() || fields.first.size() > 5 || !parse_decimal(fields.first)) {
        return fail(errc::syntax, "EPRT requires |protocol|address|port|");
    }
    if (fields.first != "1" && fields.first != "2") {
        return fail(errc::unsupported, "EPRT protocol " + std::string(fields.first) + " is not supported; use 1 or 2");
    }
    const auto port = parse_port(fields.third);
    if (!port) return fail(errc::syntax, "EPRT requires a port from 1 to 65535");
    const bool v4_text = fields.second.find(':') == std::string_view::npos;
    const bool zoned = fields.second.find('%') != std::string_view::npos;
    const auto address = zoned || v4_text != (fields.first == "1") ? std::nullopt : ip_address::parse(fields.second);
    if (!address) return fail(errc::syntax, "EPRT requires an address of its protocol, without a zone");
    return endpoint{*address, *port};
}

std::string format_eprt(const endpoint& e) {
    return std::string(e.address.is_v4() ? "|1|" : "|2|") + without_zone(e.address.text()) + '|' + std::to_string(e.port) +
           '|';
}

result<std::uint16_t> parse_229(std::string_view text) {
    for (auto open = text.find('('); open != std::string_view::npos; open = text.find('(', open + 1)) {
        const auto fields = split_fields(text.substr(open + 1));
        const auto after = open + 1 + fields.bytes;
        if (fields.bytes == 0 || after >= text.size() || text[after] != ')') continue;
        if (const auto port = parse_port(fields.third)) return *port;
    }
    return fail(errc::syntax, "The server's 229 reply names no usable port: " + std::string(text.substr(0, 200)));
}

std::string format_229(std::uint16_t port) { return "Entering Extended Passive Mode (|||" + std::to_string(port) + "|)"; }

result<epsv_argument> parse_epsv_argument(std::string_view text) {
    if (text.empty()) return epsv_argument::none;
    if (text == "1") return epsv_argument::ipv4;
    if (text == "2") return epsv_argument::ipv6;
    if (iequals(text, "ALL")) return epsv_argument::all;
    if (text.size() <= 5 && parse_decimal(text)) {
        return fail(errc::unsupported, "EPSV protocol " + std::string(text) + " is not supported; use 1 or 2");
    }
    return fail(errc::syntax, "EPSV takes no argument, 1, 2 or ALL");
}

}  // namespace sallyport::proto
