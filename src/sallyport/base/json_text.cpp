#include <sallyport/base/character.hpp>
#include <sallyport/base/json_text.hpp>

#include <fmt/format.h>

namespace sallyport {

std::string json_string(std::string_view text) {
    std::string out = "\"";
    while (!text.empty()) {
        const character next = first_character(text);
        const char c = text.front();
        if (!next.utf8) out += fmt::format("\\udc{:02x}", static_cast<unsigned char>(c));
        // The last byte of a C1 control is its number.
        else if (next.control)
            out += fmt::format("\\u{:04x}", static_cast<unsigned char>(text[next.length - 1]));
        else if (c == '"' || c == '\\')
            out += std::string("\\") + c;
        else
            out += text.substr(0, next.length);
        text.remove_prefix(next.length);
    }
    return out + '"';
}

}  // namespace sallyport
