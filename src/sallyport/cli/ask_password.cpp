#include <sallyport/cli/ask_password.hpp>

#include <cerrno>

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <sallyport/base/unique_fd.hpp>

namespace sallyport::cli {

namespace {

/// Keeps what is typed off the screen while it lives.
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

}  // namespace

result<std::string> ask_password(std::string_view prompt) {
    const unique_fd terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
    if (!terminal) return fail(errc::not_found, "there is no terminal to ask for a password on");
    if (::write(terminal.get(), prompt.data(), prompt.size()) < 0) return fail_os(errno, "the terminal");
    const echo_off quiet(terminal.get());
    std::string line;
    for (char c = 0; ::read(terminal.get(), &c, 1) == 1 && c != '\n';) line += c;
    return line;
}

}  // namespace sallyport::cli
