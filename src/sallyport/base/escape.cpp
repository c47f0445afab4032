#include <sallyport/base/escape.hpp>

#include <algorithm>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/character.hpp>

namespace sallyport {
namespace {

constexpr std::string_view hex = "0123456789abcdef";

void put_hex(std::string& out, char c) {
    const auto u = static_cast<unsigned char>(c);
    out += "\\x";
    out += hex[u >> 4U];
    out += hex[u & 15U];
}

// Characters that change how the text around them is displayed: bidi controls, zero-width characters and the BOM.
bool is_deceptive(std::string_view s) {
    if (s.size() != 3) return false;
    const auto b = static_cast<unsigned char>(s[1]);
    const auto c = static_cast<unsigned char>(s[2]);
    if (s[0] == '\xe2' && b == 0x80) return (c >= 0x8b && c <= 0x8f) || (c >= 0xa8 && c <= 0xae);
    if (s[0] == '\xe2' && b == 0x81) return c >= 0xa0 && c <= 0xaf;
    return s[0] == '\xef' && b == 0xbb && c == 0xbf;
}

/// The length of the non-ASCII character at the start of `text`, or 0 if it must be escaped.
std::size_t display_length(std::string_view text) {
    const character next = first_character(text);
    return next.length > 1 && !next.control && !is_deceptive(text.substr(0, next.length)) ? next.length : 0;
}

}  // namespace

std::string escape(std::string_view text, std::size_t max_bytes) {
    const bool cut = text.size() > max_bytes;
    if (cut) text = text.substr(0, max_bytes);
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size();) {
        const char c = text[i];
        if (c == '\\') {
            out += "\\\\";
            ++i;
        } else if (c >= 0x20 && c < 0x7f) {
            out += c;
            ++i;
        } else if (const auto s = text.substr(i, display_length(text.substr(i))); !s.empty()) {
            out += s;
            i += s.size();
        } else {
            put_hex(out, c);
            ++i;
        }
    }
    if (cut) out += "...";
    return out;
}

std::string single_quoted(std::string_view text) {
    std::string out = "'";
    for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + '\'';
}

std::string shell_word(std::string_view text) {
    const auto plain = [](char c) {
        return is_alpha(c) || is_digit(c) || std::string_view("_-./:,@%+=").find(c) != std::string_view::npos;
    };
    return !text.empty() && std::ranges::all_of(text, plain) ? std::string(text) : single_quoted(text);
}

}  // namespace sallyport
