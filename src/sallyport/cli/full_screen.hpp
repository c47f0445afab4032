#pragma once
// The whole terminal for a command that shows something until the user has seen enough. Its state comes back when this
// object is destroyed, also if a signal ends the command: signals are events here.
//
// One at a time, on the main thread, before any other thread is started. Owns the signals SIGINT, SIGTERM, SIGHUP, SIGTSTP
// and SIGWINCH until then.

#include <chrono>
#include <csignal>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <termios.h>

#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/cli/terminal.hpp>

namespace sallyport::cli {

/// What has happened.
struct screen_event {
    // Keys that were typed; empty: none.
    std::string typed{};
    // The signal that is to end the command; 0: none.
    int signal = 0;
};

class full_screen {
public:
    /// Whether standard input and output are a terminal that has a screen.
    [[nodiscard]] static bool is_possible();
    /// REQUIRES: is_possible().
    [[nodiscard]] static result<std::unique_ptr<full_screen>> open();
    ~full_screen();
    full_screen(const full_screen&) = delete;
    full_screen& operator=(const full_screen&) = delete;

    [[nodiscard]] screen_size size() const;
    /// Replaces what is shown; the line `highlighted` is shown in reverse. REQUIRES: no line has control characters or more
    /// columns than there are.
    void show(const std::vector<std::string>& lines, std::size_t highlighted);
    /// Waits until something happens, at most that long. The size may have changed meanwhile.
    [[nodiscard]] screen_event wait(std::chrono::milliseconds limit);

private:
    full_screen(const termios& before, const sigset_t& signals_before, unique_fd signals);
    void enter();
    void leave() noexcept;
    [[nodiscard]] screen_event take_signal();

    const termios before_;
    const sigset_t signals_before_;
    const unique_fd signals_;
};

}  // namespace sallyport::cli
