#include <sallyport/base/ascii.hpp>
#include <sallyport/base/character.hpp>

#include <algorithm>

namespace sallyport {
namespace {

constexpr unsigned char after_c1 = 0xa0;

}  // namespace

character first_character(std::string_view text) noexcept {
    const auto lead = static_cast<unsigned char>(text.front());
    if (lead < 0x80) return {.length = 1, .utf8 = true, .control = is_control(text.front())};
    for (std::size_t n = 2; n <= std::min<std::size_t>(4, text.size()); ++n) {
        if (!is_utf8(text.substr(0, n))) continue;
        return {.length = n, .utf8 = true, .control = lead == 0xc2 && static_cast<unsigned char>(text[1]) < after_c1};
    }
    return {.length = 1, .utf8 = false, .control = lead < after_c1};
}

}  // namespace sallyport
