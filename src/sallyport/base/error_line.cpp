#include <sallyport/base/error_line.hpp>

#include <fmt/format.h>

namespace sallyport {

std::string line_of(const error& failure) {
    const bool is_usage =
        (failure.code == errc::syntax || failure.code == errc::usage) && !failure.what.empty() && failure.os == 0;
    const std::string text = is_usage ? failure.what : failure.text();
    // Not by escape(), which would double the backslashes of text that has been escaped before.
    std::string line;
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
            line += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        else
            line += c;
    }
    return line;
}

}  // namespace sallyport
