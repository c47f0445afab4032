#include <sallyport/cli/terminal.hpp>

#include <algorithm>

#include <sys/ioctl.h>

namespace sallyport::cli {

std::optional<std::size_t> terminal_columns(int fd) {
    winsize size{};
    if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return std::nullopt;
    return size.ws_col;
}

std::optional<std::size_t> terminal_rows(int fd) {
    winsize size{};
    if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) return std::nullopt;
    return size.ws_row;
}

std::string cut_to(std::string_view text, std::size_t columns, std::size_t rows) {
    std::string out;
    for (std::size_t row = 1; row < rows && !text.empty(); ++row) {
        const auto end = std::min(text.find('\n'), text.size());
        auto shown = std::min(end, columns);
        // Not within a character of UTF-8.
        while (shown > 0 && shown < end && (static_cast<unsigned char>(text[shown]) & 0xc0U) == 0x80U) --shown;
        out += text.substr(0, shown);
        out += '\n';
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

}  // namespace sallyport::cli
