#include <sallyport/cli/prompt_password.hpp>

#include <array>
#include <cerrno>
#include <csignal>
#include <optional>

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <sallyport/base/unique_fd.hpp>

namespace sallyport::cli {

namespace {

constexpr std::size_t max_password_bytes = 1024;

/// Disables the echo of the terminal during its lifetime.
class echo_off {
public:
    explicit echo_off(int terminal) : terminal_(terminal) {
        if (::tcgetattr(terminal_, &before_) != 0) return;
        termios silent = before_;
        silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        silent.c_lflag |= ECHONL;
        active_ = ::tcsetattr(terminal_, TCSAFLUSH, &silent) == 0;
    }
    ~echo_off() {
        if (active_) ::tcsetattr(terminal_, TCSAFLUSH, &before_);
    }
    echo_off(const echo_off&) = delete;
    echo_off& operator=(const echo_off&) = delete;

private:
    int terminal_;
    termios before_{};
    bool active_ = false;
};

/// Blocks signals that end or stop this process during its lifetime, so that the terminal is restored before they take
/// effect. Ignored signals stay ignored.
class deferred_signals {
public:
    deferred_signals() {
        ::sigemptyset(&deferred_);
        for (const int signal : {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGTSTP}) {
            struct ::sigaction now{};
            if (::sigaction(signal, nullptr, &now) == 0 && now.sa_handler != SIG_IGN) ::sigaddset(&deferred_, signal);
        }
        ::pthread_sigmask(SIG_BLOCK, &deferred_, &before_);
        arrived_.reset(::signalfd(-1, &deferred_, SFD_CLOEXEC | SFD_NONBLOCK));
    }
    ~deferred_signals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    deferred_signals(const deferred_signals&) = delete;
    deferred_signals& operator=(const deferred_signals&) = delete;

    /// Readable when a signal is pending.
    [[nodiscard]] int descriptor() const { return arrived_.get(); }
    [[nodiscard]] std::optional<int> take() const {
        ::signalfd_siginfo info{};
        if (::read(arrived_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return std::nullopt;
        return static_cast<int>(info.ssi_signo);
    }

private:
    sigset_t deferred_{};
    sigset_t before_{};
    unique_fd arrived_;
};

void show(int terminal, std::string_view text) { static_cast<void>(!::write(terminal, text.data(), text.size())); }

struct typed {
    std::optional<std::string> line;
    // The signal that arrived first, if any.
    int signal = 0;
};

/// One line of the terminal, or the signal that arrived before its end. Neither, if the terminal was closed or ended the
/// input.
typed read_line(int terminal, std::string_view prompt, const deferred_signals& signals) {
    const echo_off quiet(terminal);
    // After the echo was disabled: that discards earlier input, and programs type as soon as they see the prompt.
    show(terminal, prompt);
    std::string line;
    for (;;) {
        std::array<pollfd, 2> wait{pollfd{terminal, POLLIN, 0}, pollfd{signals.descriptor(), POLLIN, 0}};
        if (::poll(wait.data(), wait.size(), -1) < 0 && errno != EINTR) return {};
        if (const auto signal = signals.take()) return {std::nullopt, *signal};
        if (wait[0].revents == 0) continue;
        char c = 0;
        const auto n = ::read(terminal, &c, 1);
        if (n < 0 && errno == EINTR) continue;
        if (n == 1 && c == '\n') return {std::move(line), 0};
        if (n != 1) return line.empty() ? typed{} : typed{std::move(line), 0};
        if (line.size() < max_password_bytes) line += c;
    }
}

}  // namespace

result<std::string> prompt_password(std::string_view prompt) {
    const unique_fd terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
    if (!terminal) return fail(errc::not_found, "there is no terminal for a password prompt");
    for (;;) {
        typed got;
        {
            const deferred_signals signals;
            got = read_line(terminal.get(), prompt, signals);
        }
        if (got.line) return std::move(*got.line);
        show(terminal.get(), "\n");
        if (got.signal == 0) return fail(errc::cancelled, "no password was typed");
        // The terminal is restored, and the signal takes effect now. After a stop, the prompt is shown again.
        ::raise(got.signal);
    }
}

}  // namespace sallyport::cli
