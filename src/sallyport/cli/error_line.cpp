#include <sallyport/cli/error_line.hpp>

#include <utility>

#include <fmt/format.h>

#include <sallyport/base/escape.hpp>

namespace sallyport::cli {

error about(std::string_view option, error why) {
    if (!why.what.starts_with("--")) why.what = fmt::format("{}: {}", option, why.what);
    return why;
}

std::string line_of(const error& why) {
    const bool is_usage = (why.code == errc::syntax || why.code == errc::usage) && !why.what.empty() && why.os == 0;
    const std::string text = is_usage ? why.what : why.text();
    // Not escape() for all of it: it would double every backslash of what was escaped before.
    std::string line;
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
            line += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        else
            line += c;
    }
    return line;
}

}  // namespace sallyport::cli
