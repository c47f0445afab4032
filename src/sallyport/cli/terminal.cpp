#include <sallyport/cli/terminal.hpp>

#include <sys/ioctl.h>

namespace sallyport::cli {

std::optional<std::size_t> terminal_columns(int fd) {
    winsize size{};
    if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return std::nullopt;
    return size.ws_col;
}

}  // namespace sallyport::cli
