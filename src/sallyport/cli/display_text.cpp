#include <sallyport/cli/display_text.hpp>

#include <algorithm>
#include <array>
#include <cstdint>

#include <sallyport/base/character.hpp>

namespace sallyport::cli {
namespace {

struct range {
    std::uint32_t first;
    std::uint32_t last;
};

// The usual combining characters, and those that are shown without a width.
constexpr auto without_width = std::to_array<range>({{0x300, 0x36f},
                                                     {0x483, 0x489},
                                                     {0x591, 0x5bd},
                                                     {0x610, 0x61a},
                                                     {0x64b, 0x65f},
                                                     {0x1ab0, 0x1aff},
                                                     {0x1dc0, 0x1dff},
                                                     {0x200b, 0x200f},
                                                     {0x202a, 0x202e},
                                                     {0x2060, 0x206f},
                                                     {0x20d0, 0x20ff},
                                                     {0xfe00, 0xfe0f},
                                                     {0xfe20, 0xfe2f},
                                                     {0xfeff, 0xfeff}});
// East Asian characters and pictures.
constexpr auto wide = std::to_array<range>({{0x1100, 0x115f},
                                            {0x2e80, 0x303e},
                                            {0x3041, 0xa4cf},
                                            {0xac00, 0xd7a3},
                                            {0xf900, 0xfaff},
                                            {0xfe30, 0xfe6f},
                                            {0xff00, 0xff60},
                                            {0xffe0, 0xffe6},
                                            {0x1f300, 0x1f64f},
                                            {0x1f900, 0x1f9ff},
                                            {0x20000, 0x3fffd}});

[[nodiscard]] bool is_in(const auto& ranges, std::uint32_t code) noexcept {
    return std::ranges::any_of(ranges, [code](const range& r) { return r.first <= code && code <= r.last; });
}

/// Of one valid character of UTF-8.
[[nodiscard]] std::uint32_t code_of(std::string_view one) noexcept {
    const auto first = static_cast<unsigned char>(one.front());
    if (one.size() == 1) return first;
    std::uint32_t code = first & (0x7fU >> one.size());
    for (const char c : one.substr(1)) code = code << 6U | (static_cast<unsigned char>(c) & 0x3fU);
    return code;
}

[[nodiscard]] std::size_t columns_of_one(std::string_view one) noexcept {
    const auto code = code_of(one);
    return is_in(without_width, code) ? 0 : is_in(wide, code) ? 2 : 1;
}

}  // namespace

std::string printable(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const auto next = first_character(text);
        const auto one = text.substr(0, next.length);
        // Those without a width include controls of the direction of text.
        const bool shown = next.utf8 && !next.control && !(code_of(one) >= 0x200b && columns_of_one(one) == 0);
        out += shown ? one : std::string_view("?");
        text.remove_prefix(next.length);
    }
    return out;
}

std::size_t columns_of(std::string_view text) noexcept {
    std::size_t out = 0;
    while (!text.empty()) {
        const auto length = first_character(text).length;
        out += columns_of_one(text.substr(0, length));
        text.remove_prefix(length);
    }
    return out;
}

std::string cut_to_columns(std::string_view text, std::size_t columns) {
    if (columns_of(text) <= columns) return std::string(text);
    if (columns == 0) return {};
    std::size_t taken = 0;
    std::size_t length = 0;
    while (length < text.size()) {
        const auto next = first_character(text.substr(length)).length;
        const auto width = columns_of_one(text.substr(length, next));
        if (taken + width > columns - 1) break;
        taken += width;
        length += next;
    }
    return std::string(text.substr(0, length)) + '~';
}

}  // namespace sallyport::cli
