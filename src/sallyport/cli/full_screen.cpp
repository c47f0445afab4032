#include <sallyport/cli/full_screen.hpp>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <utility>

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace sallyport::cli {
namespace {

// ECMA-48, and the private modes of xterm that all terminals know: another screen, and the cursor.
constexpr std::string_view enter_screen = "\x1b[?1049h\x1b[?25l\x1b[2J";
constexpr std::string_view leave_screen = "\x1b[0m\x1b[?25h\x1b[?1049l";
constexpr std::string_view to_the_top = "\x1b[H";
constexpr std::string_view clear_line = "\x1b[2K";
constexpr std::string_view reverse = "\x1b[7m";
constexpr std::string_view plain = "\x1b[0m";

void write_all(std::string_view text) noexcept {
    while (!text.empty()) {
        const auto n = ::write(STDOUT_FILENO, text.data(), text.size());
        if (n < 0 && errno == EINTR) continue;
        // The terminal is gone; its end is noticed where it is read.
        if (n <= 0) return;
        text.remove_prefix(static_cast<std::size_t>(n));
    }
}

}  // namespace

bool full_screen::is_possible() {
    const char* const kind = std::getenv("TERM");
    return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1 && kind != nullptr && *kind != '\0' &&
           std::string_view(kind) != "dumb";
}

result<std::unique_ptr<full_screen>> full_screen::open() {
    termios before{};
    if (::tcgetattr(STDIN_FILENO, &before) != 0) return fail_os(errno, "the terminal");
    sigset_t taken{};
    sigset_t signals_before{};
    ::sigemptyset(&taken);
    for (const int each : {SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGWINCH}) ::sigaddset(&taken, each);
    ::pthread_sigmask(SIG_BLOCK, &taken, &signals_before);
    unique_fd signals(::signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals) {
        const int os = errno;
        ::pthread_sigmask(SIG_SETMASK, &signals_before, nullptr);
        return fail_os(os, "signals");
    }
    std::unique_ptr<full_screen> out(new full_screen(before, signals_before, std::move(signals)));
    out->enter();
    return out;
}

full_screen::full_screen(const termios& before, const sigset_t& signals_before, unique_fd signals)
    : before_(before), signals_before_(signals_before), signals_(std::move(signals)) {}

full_screen::~full_screen() {
    leave();
    ::pthread_sigmask(SIG_SETMASK, &signals_before_, nullptr);
}

void full_screen::enter() {
    auto raw = before_;
    // Ctrl-C and Ctrl-Z remain signals.
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    ::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    write_all(enter_screen);
}

void full_screen::leave() noexcept {
    write_all(leave_screen);
    ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
}

screen_size full_screen::size() const {
    return {.columns = terminal_columns(STDOUT_FILENO).value_or(80), .rows = terminal_rows(STDOUT_FILENO).value_or(24)};
}

void full_screen::show(const std::vector<std::string>& lines, std::size_t highlighted) {
    std::string out(to_the_top);
    for (std::size_t i = 0; i < lines.size(); ++i) {
        out += i == 0 ? "" : "\r\n";
        out += clear_line;
        if (i == highlighted) out += reverse;
        out += lines[i];
        if (i == highlighted) out += plain;
    }
    write_all(out);
}

screen_event full_screen::wait(std::chrono::milliseconds limit) {
    std::array<pollfd, 2> events{{{STDIN_FILENO, POLLIN, 0}, {signals_.get(), POLLIN, 0}}};
    if (::poll(events.data(), events.size(), static_cast<int>(limit.count())) <= 0) return {};
    if (events[1].revents != 0) return take_signal();
    screen_event out;
    std::array<char, 256> block{};
    const auto n = ::read(STDIN_FILENO, block.data(), block.size());
    if (n > 0) out.typed.assign(block.data(), static_cast<std::size_t>(n));
    // The terminal is gone.
    if (n <= 0 && (events[0].revents & (POLLHUP | POLLERR)) != 0) out.signal = SIGHUP;
    return out;
}

screen_event full_screen::take_signal() {
    signalfd_siginfo info{};
    if (::read(signals_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return {};
    const auto number = static_cast<int>(info.ssi_signo);
    if (number == SIGTSTP) {
        leave();
        // It returns when the shell continues this process.
        ::kill(::getpid(), SIGSTOP);
        enter();
        return {};
    }
    // The caller asks for the size at the next screen.
    if (number == SIGWINCH) {
        write_all("\x1b[2J");
        return {};
    }
    return {.signal = number};
}

}  // namespace sallyport::cli
