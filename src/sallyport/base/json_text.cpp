#include <sallyport/base/json_text.hpp>

#include <algorithm>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>

namespace sallyport {

namespace {

/// Length of the UTF-8 character that `text` begins with; 0 where it begins with none.
std::size_t character_length(std::string_view text) {
    for (std::size_t n = 1; n <= std::min<std::size_t>(4, text.size()); ++n)
        if (is_utf8(text.substr(0, n))) return n;
    return 0;
}

}  // namespace

std::string json_string(std::string_view text) {
    std::string out = "\"";
    while (!text.empty()) {
        const std::size_t length = character_length(text);
        const char c = text.front();
        if (length == 0)
            out += fmt::format("\\udc{:02x}", static_cast<unsigned char>(c));
        else if (length == 1 && is_control(c))
            out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
        else if (c == '"' || c == '\\')
            out += std::string("\\") + c;
        else
            out += text.substr(0, length);
        text.remove_prefix(std::max<std::size_t>(1, length));
    }
    return out + '"';
}

}  // namespace sallyport
