// Text of peers in logs, on terminals and in JSON (IN-09).
// - Escaped text is UTF-8 without control characters, and not longer than its limit allows.
// - Unless it is truncated, no two texts are escaped alike: the escapes can be undone.
// - A JSON string is read by another parser as the text that it was made of, if that is UTF-8.

#include <algorithm>
#include <optional>

#include <boost/json/parse.hpp>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/json_text.hpp>

#include "fuzz.hpp"

namespace {

using sallyport::fuzz::check;

/// The code points of valid UTF-8 (RFC 3629), by its definition and not by code of ours.
std::optional<std::u32string> code_points(std::string_view text) {
    std::u32string out;
    while (!text.empty()) {
        const auto lead = static_cast<unsigned char>(text[0]);
        const std::size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
        if ((lead >= 0x80 && lead < 0xc2) || lead > 0xf4 || text.size() < length) return std::nullopt;
        char32_t point = length == 1 ? lead : lead & (0x7fU >> length);
        for (std::size_t i = 1; i < length; ++i) {
            const auto next = static_cast<unsigned char>(text[i]);
            if ((next & 0xc0U) != 0x80) return std::nullopt;
            point = point << 6U | (next & 0x3fU);
        }
        constexpr char32_t minimum[] = {0, 0, 0x80, 0x800, 0x10000};
        if (point < minimum[length] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return std::nullopt;
        out += point;
        text.remove_prefix(length);
    }
    return out;
}

bool is_control_point(char32_t c) { return c < 0x20 || (c >= 0x7f && c < 0xa0); }

std::string unescaped(std::string_view text) {
    constexpr std::string_view hex = "0123456789abcdef";
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\') {
            out += text[i];
        } else if (text.substr(i + 1).starts_with('\\')) {
            out += '\\';
            ++i;
        } else {
            check(text.size() >= i + 4 && text[i + 1] == 'x', "an escape is complete");
            const auto high = hex.find(text[i + 2]);
            const auto low = hex.find(text[i + 3]);
            check(high != std::string_view::npos && low != std::string_view::npos, "an escape has two digits");
            out += static_cast<char>(high * 16 + low);
            i += 3;
        }
    }
    return out;
}

void check_display(std::string_view shown) {
    const auto points = code_points(shown);
    check(points.has_value(), "it is UTF-8");
    check(std::ranges::none_of(*points, is_control_point), "it has no control characters");
    constexpr std::u32string_view deceptive = U"\u200b\u200e\u202e\u2066\ufeff";
    check(points->find_first_of(deceptive) == std::u32string::npos, "it has no characters that hide or reorder text");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport;
    const auto text = sallyport::fuzz::text_of(data, size);
    const auto shown = escape(text, size);
    check_display(shown);
    check(unescaped(shown) == text, "escapes can be undone");
    const auto cut = escape(text, size / 2);
    check_display(cut);
    check(cut.size() <= size / 2 * 4 + 3, "the limit is kept");

    const auto quoted = json_string(text);
    const auto points = code_points(quoted);
    check(points && std::ranges::none_of(*points, is_control_point), "JSON has no control characters");
    if (!code_points(text)) return 0;
    boost::system::error_code wrong;
    const auto read = boost::json::parse(quoted, wrong);
    check(!wrong && read.is_string() && std::string_view(read.get_string()) == text, "JSON is read as the same text");
    return 0;
}
